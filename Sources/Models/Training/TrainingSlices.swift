internal import Tensors

extension Range<Int> {
    /// A thread's part of it.
    func slice(of thread: Int, threads: Int) -> Range<Int> {
        let own = WorkerPool.slice(count, of: thread, threads: threads)
        return lowerBound + own.lowerBound..<lowerBound + own.upperBound
    }
}

extension Kernels {
    /// `y += factor * x`
    static func addScaled(_ x: UnsafePointer<Float>, by factor: Float, to y: UnsafeMutablePointer<Float>, count: Int) {
        for index in 0..<count { y[index] += factor * x[index] }
    }
}
