extension MutableCollection where Self: RandomAccessCollection {
    /// Sorts by a key; equal elements keep their order. Allocates nothing, where `sort` may. Cost: up to the square of the count, for
    /// the few sequences of a step.
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
