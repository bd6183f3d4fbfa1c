import Tensors

/// Draws the tokens of a step's sequences from the logits, and scores the tokens of prompts; the pool's threads share the work.
///
/// Isolation: the engine's thread fills and runs it; during the run each thread has its own sequences, and its own rows of prompts.
final class StepSampler: PoolWork {
    private let pool: WorkerPool
    private let logits: UnsafeMutablePointer<Float>
    private let stride: Int
    private let scratch: [SamplerScratch]
    private enum Work {
        /// The sequence's tokens come from the rows.
        case draw(RunningSequence)
        /// The row scores the token at that place of the prompt.
        case score(RunningSequence, Int)
    }

    /// With the first row of its logits.
    private var entries: [(work: Work, row: Int)] = []
    private var rows = 0

    /// - Parameters:
    ///   - vocabulary: the most tokens that a sequence may draw from
    ///   - logits: `[rows, vocabulary]`, `stride` elements from row to row; the caller's.
    ///   - scoredRows: most rows of a step that score prompts
    init(pool: WorkerPool, vocabulary: Int, logits: UnsafeMutablePointer<Float>, stride: Int, sequences: Int, scoredRows: Int) {
        self.pool = pool
        self.logits = logits
        self.stride = stride
        scratch = (0..<pool.threads).map { _ in SamplerScratch(vocabulary: vocabulary) }
        entries.reserveCapacity(sequences + scoredRows)
    }

    /// The sequence's tokens come from the next rows: one, and one for each token that it proposed.
    func add(_ sequence: RunningSequence) {
        entries.append((.draw(sequence), rows))
        rows += 1 + sequence.draft.count
    }

    /// The next rows score the tokens of the prompt at these places.
    func add(_ sequence: RunningSequence, scoring places: Range<Int>) {
        for place in places { entries.append((.score(sequence, place), rows + place - places.lowerBound)) }
        rows += places.count
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
        let row = logits + entry.row * stride
        switch entry.work {
        case .draw(let sequence): sequence.sample(row, stride: stride, scratch: scratch)
        case .score(let sequence, let place): sequence.score(place, UnsafeMutableBufferPointer(start: row, count: sequence.vocabulary))
        }
    }
}
