internal import Synchronization
internal import Tensors

/// Some rows of a pass, with memory of the thread that works on them.
struct MergeBlock {
    let thread: Int
    let segment: Int
    let rows: Range<Int>
    let columns: Int
    /// Whether it is the segment's first block, or its last.
    let isFirst: Bool
    let isLast: Bool
    /// `[rows.count, columns]` each; what the block before left in them.
    let buffers: [UnsafeMutablePointer<Float>]
    /// The same, to read: as the kernels take them.
    let inputs: UnsafeMutablePointer<UnsafePointer<Float>?>

    var count: Int { rows.count * columns }
    /// Place of its first element in the tensor.
    var first: Int { rows.lowerBound * columns }
}

/// Passes over the blocks of a tensor by all threads of a pool.
struct MergePass {
    let layout: MergeLayout
    /// What the layout was made with, for passes over parts.
    let granularity: MergeLayout.Granularity
    let pool: WorkerPool
    let tensor: String?

    /// Calls `body` once for each block, on all threads: the blocks of a segment in order and on one thread. After an error no more blocks are
    /// begun; of several errors the one with the lowest rows is thrown.
    func run(buffers: Int, _ body: (MergeBlock) throws(MergeError) -> Void) throws(MergeError) {
        let threads = min(pool.threads, layout.segments)
        var memory: [ThreadMemory] = []
        for _ in 0..<threads { memory.append(try ThreadMemory(buffers: buffers, elements: layout.blockElements, tensor: tensor)) }
        let next = Atomic(0)
        let failure = Mutex<(segment: Int, error: MergeError)?>(nil)
        pool.run { thread in
            guard thread < threads else { return }
            while failure.withLock({ $0 == nil }) {
                let segment = next.add(1, ordering: .relaxed).oldValue
                guard segment < layout.segments else { return }
                do throws(MergeError) {
                    try run(segment: segment, thread: thread, memory[thread], body)
                } catch {
                    failure.withLock { if $0.map({ $0.segment > segment }) ?? true { $0 = (segment, error) } }
                }
            }
        }
        if let failure = failure.withLock({ $0 }) { throw failure.error }
    }

    private func run(
        segment: Int, thread: Int, _ memory: ThreadMemory, _ body: (MergeBlock) throws(MergeError) -> Void
    ) throws(MergeError) {
        let rows = layout.rows(of: segment)
        var start = rows.lowerBound
        while start < rows.upperBound {
            let end = min(rows.upperBound, start + layout.blockRows)
            pool.giveWay()
            try body(
                MergeBlock(
                    thread: thread, segment: segment, rows: start..<end, columns: layout.columns, isFirst: start == rows.lowerBound,
                    isLast: end == rows.upperBound, buffers: memory.pointers, inputs: memory.inputs))
            start = end
        }
    }

    /// Threads that can have memory of their own in `run`.
    var threads: Int { min(pool.threads, layout.segments) }
}

/// The buffers of one thread.
///
/// `@unchecked Sendable`: `MergePass.run` gives each thread of the pool the memory of its own number, and waits for all of them before it
/// returns. Two threads with one memory would mix blocks: `InvarianceTests` compares results of 1 and of 3 threads bit for bit.
private final class ThreadMemory: @unchecked Sendable {
    private let buffers: [FloatBuffer]
    let pointers: [UnsafeMutablePointer<Float>]
    let inputs: UnsafeMutablePointer<UnsafePointer<Float>?>

    init(buffers count: Int, elements: Int, tensor: String?) throws(MergeError) {
        do throws(ResourceError) {
            var buffers: [FloatBuffer] = []
            for _ in 0..<count { buffers.append(try FloatBuffer(elements, for: "a block of the merge")) }
            self.buffers = buffers
        } catch {
            throw MergeError(.noRoom, error.message, tensor: tensor)
        }
        pointers = buffers.map(\.pointer)
        inputs = .allocate(capacity: max(count, 1))
        for (index, pointer) in pointers.enumerated() { inputs[index] = UnsafePointer(pointer) }
    }

    deinit { inputs.deallocate() }
}
