import Tensors

/// Draws the tokens of a step's sequences from the logits; the pool's threads share the sequences.
///
/// Isolation: the engine's thread fills and runs it; during the run each thread has its own sequences.
final class StepSampler: PoolWork {
    private let pool: WorkerPool
    private let vocabulary: Int
    private let logits: UnsafeMutablePointer<Float>
    private let stride: Int
    private let scratch: [SamplerScratch]
    /// With the first row of its logits.
    private var entries: [(sequence: RunningSequence, row: Int)] = []
    private var rows = 0

    /// - Parameter logits: `[rows, vocabulary]`, `stride` elements from row to row; the caller's.
    init(pool: WorkerPool, vocabulary: Int, logits: UnsafeMutablePointer<Float>, stride: Int, sequences: Int) {
        self.pool = pool
        self.vocabulary = vocabulary
        self.logits = logits
        self.stride = stride
        scratch = (0..<pool.threads).map { _ in SamplerScratch(vocabulary: vocabulary) }
        entries.reserveCapacity(sequences)
    }

    /// The sequence's tokens come from the next rows: one, and one for each token that it proposed.
    func add(_ sequence: RunningSequence) {
        entries.append((sequence, rows))
        rows += 1 + sequence.draft.count
    }

    /// Leaves the tokens in the sequences' `sampled`.
    func run() {
        if entries.count > 1 {
            pool.run(self)
        } else {
            for index in entries.indices { sample(index, scratch[0]) }
        }
        entries.removeAll(keepingCapacity: true)
        rows = 0
    }

    func work(thread: Int) {
        for index in Swift.stride(from: thread, to: entries.count, by: pool.threads) { sample(index, scratch[thread]) }
    }

    private func sample(_ index: Int, _ scratch: SamplerScratch) {
        let entry = entries[index]
        entry.sequence.sample(logits + entry.row * stride, stride: stride, vocabulary: vocabulary, scratch: scratch)
    }
}
