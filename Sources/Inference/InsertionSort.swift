extension MutableCollection where Self: RandomAccessCollection {
    /// Sorts by a key; equal elements keep their order. Allocates nothing, where `sort` may. Cost: the square of the count, but for
    /// what is nearly in order, as the sequences of a step are after those of the step before.
    mutating func sortInPlace(by key: (Element) -> UInt) {
        for end in indices {
            var place = end
            while place > startIndex, key(self[place]) < key(self[index(before: place)]) {
                swapAt(place, index(before: place))
                place = index(before: place)
            }
        }
    }
}
