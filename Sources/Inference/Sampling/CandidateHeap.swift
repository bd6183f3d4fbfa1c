/// A heap of candidates in the scratch's memory, the largest key on top, the lower place in a tie.
struct CandidateHeap {
    private let scratch: SamplerScratch
    private let keys: UnsafeMutablePointer<Float>
    private var count = 0

    /// - Parameter keys: of the candidates' places; nil: their weights.
    init(_ scratch: SamplerScratch, keys: UnsafeMutablePointer<Float>? = nil) {
        self.scratch = scratch
        self.keys = keys ?? scratch.weights
    }

    /// Before `order`.
    mutating func add(_ place: Int) {
        scratch.heap[count] = UInt32(place)
        count += 1
    }

    func order() {
        for parent in stride(from: count / 2 - 1, through: 0, by: -1) { sink(parent) }
    }

    mutating func removeLargest() -> Int? {
        guard count > 0 else { return nil }
        let largest = scratch.heap[0]
        count -= 1
        scratch.heap[0] = scratch.heap[count]
        sink(0)
        return Int(largest)
    }

    private func sink(_ start: Int) {
        var parent = start
        while true {
            var largest = parent
            let (left, right) = (2 * parent + 1, 2 * parent + 2)
            if left < count, precedes(left, largest) { largest = left }
            if right < count, precedes(right, largest) { largest = right }
            if largest == parent { return }
            (scratch.heap[parent], scratch.heap[largest]) = (scratch.heap[largest], scratch.heap[parent])
            parent = largest
        }
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool {
        let (a, b) = (scratch.heap[a], scratch.heap[b])
        let (left, right) = (keys[Int(a)], keys[Int(b)])
        return left == right ? a < b : left > right
    }
}
