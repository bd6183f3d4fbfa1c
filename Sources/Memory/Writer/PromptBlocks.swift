internal import Models
internal import Tensors

/// Blocks of keys and values for sequences, of which most begin with the same tokens; those are computed once.
///
/// Isolation: one thread uses it at a time, that of its workspace.
final class PromptBlocks {
    /// What most sequences begin with.
    let shared: [Int32]
    private let workspace: StepWorkspace
    private(set) var cache: KeyValueCache
    /// The cache's first blocks hold `shared`.
    private var isFilled = false

    /// Errors: `unavailable` memory.
    init(_ workspace: StepWorkspace, shared: [Int32]) throws(MemoryError) {
        (self.workspace, self.shared) = (workspace, shared)
        do throws(ModelError) { cache = try workspace.weights.makeCache(blocks: 0) } catch { throw MemoryError(error) }
    }

    /// Tokens at the beginning of a prompt that need no step: `shared` or none.
    func sharedTokens(of prompt: [Int32]) -> Int { prompt.count > shared.count && prompt.starts(with: shared) ? shared.count : 0 }

    /// The blocks of sequences. They are good until the next call. Errors: `unavailable` memory.
    ///
    /// - Parameters:
    ///   - sequences: the prompt of each, and how many tokens it has with its answer.
    ///   - feedForward: gets the rows of `shared` if they are computed now.
    func tables(_ sequences: [(prompt: [Int32], tokens: Int)], feedForward: FeedForwardTrace? = nil) throws(MemoryError) -> [[Int32]] {
        let whole = sequences.map { sharedTokens(of: $0.prompt) / KeyValueCache.blockTokens }
        let needed = blocks(shared.count) + zip(sequences, whole).reduce(0) { $0 + blocks($1.0.tokens) - $1.1 }
        if cache.blocks < needed {
            do throws(ModelError) {
                cache = try workspace.weights.makeCache(blocks: max(needed, 2 * cache.blocks))
            } catch {
                throw MemoryError(error)
            }
            isFilled = false
        }
        if !isFilled, !shared.isEmpty {
            let run = StepBatch.Run(
                tokens: 0..<shared.count, startPosition: 0, blocks: (0..<Int32(blocks(shared.count))).map { $0 }, logits: .none)
            var none: Float = 0
            workspace.step(StepBatch(tokens: shared, runs: [run]), cache: cache, logits: &none, feedForward: feedForward)
        }
        isFilled = true
        var next = blocks(shared.count)
        return zip(sequences, whole).map { sequence, whole in
            let own = blocks(sequence.tokens) - whole
            let table = (0..<whole).map { Int32($0) } + (next..<next + own).map { Int32($0) }
            // A block that the sequence goes on in is its own.
            if own > 0, sharedTokens(of: sequence.prompt) % KeyValueCache.blockTokens > 0 {
                cache.copyBlock(from: Int32(whole), to: Int32(next))
            }
            next += own
            return table
        }
    }

    private func blocks(_ positions: Int) -> Int { (positions + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens }
}
