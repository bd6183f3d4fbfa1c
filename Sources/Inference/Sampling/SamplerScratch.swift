/// The memory of one thread's draws: candidates, their weights and a histogram. One thread uses it at a time.
final class SamplerScratch {
    static let bins = 2048

    /// Token ids, rising. `[vocabulary]`
    let indices: UnsafeMutablePointer<UInt32>
    /// Of the token at the same place. `[vocabulary]`
    let weights: UnsafeMutablePointer<Float>
    /// Places in `indices`. `[vocabulary]`
    let heap: UnsafeMutablePointer<UInt32>
    let counts: UnsafeMutablePointer<UInt32>
    let masses: UnsafeMutablePointer<Double>
    /// Of the vocabulary's chunks, or how typical the candidates are. `[vocabulary]`
    let sums: UnsafeMutablePointer<Float>

    init(vocabulary: Int) {
        indices = .allocate(capacity: vocabulary)
        weights = .allocate(capacity: vocabulary)
        heap = .allocate(capacity: vocabulary)
        counts = .allocate(capacity: Self.bins)
        masses = .allocate(capacity: Self.bins)
        sums = .allocate(capacity: vocabulary)
    }

    deinit {
        indices.deallocate()
        weights.deallocate()
        heap.deallocate()
        counts.deallocate()
        masses.deallocate()
        sums.deallocate()
    }
}
