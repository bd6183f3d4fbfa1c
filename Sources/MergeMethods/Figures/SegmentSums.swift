internal import Tensors

/// Sums over a tensor in f64, several at once, whose bits depend on its shape alone: each segment has its own, which are added in order.
final class SegmentSums {
    private let figures: Int
    private let segments: Int
    /// `[threads, figures, Kernels.sumLanes]`, of the segment that the thread is in.
    private let lanes: UnsafeMutablePointer<Double>
    /// `[segments, figures]`
    private let sums: UnsafeMutablePointer<Double>

    init(figures: Int, pass: MergePass) {
        self.figures = figures
        segments = pass.layout.segments
        lanes = .allocate(capacity: max(1, pass.threads * figures * Kernels.sumLanes))
        sums = .allocate(capacity: max(1, segments * figures))
        sums.initialize(repeating: 0, count: segments * figures)
    }

    deinit {
        lanes.deallocate()
        sums.deallocate()
    }

    /// Calls `body` with the lanes of each figure, for one block of a pass.
    func add(_ block: MergeBlock, _ body: (_ lanes: (Int) -> UnsafeMutablePointer<Double>) -> Void) {
        let own = lanes + block.thread * figures * Kernels.sumLanes
        if block.isFirst { own.update(repeating: 0, count: figures * Kernels.sumLanes) }
        body { own + $0 * Kernels.sumLanes }
        guard block.isLast else { return }
        for figure in 0..<figures { sums[block.segment * figures + figure] = Self.sum(own + figure * Kernels.sumLanes) }
    }

    /// After the pass.
    func total(_ figure: Int) -> Double { (0..<segments).reduce(0) { $0 + sums[$1 * figures + figure] } }

    static func sum(_ lanes: UnsafePointer<Double>) -> Double { (0..<Kernels.sumLanes).reduce(0) { $0 + lanes[$1] } }
}
