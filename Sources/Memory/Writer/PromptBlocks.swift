internal import Models
internal import Tensors

/// Blocks of keys and values for sequences, of which most begin with one of a few prefixes; those are computed once.
///
/// Isolation: one thread uses it at a time, that of its workspace.
final class PromptBlocks {
    /// What most sequences begin with: a template's beginning, in each setting.
    let prefixes: [[Int32]]
    private let workspace: StepWorkspace
    private(set) var cache: KeyValueCache
    /// The cache's first blocks hold the prefixes.
    private var isFilled = false

    /// Errors: `unavailable` memory.
    init(_ workspace: StepWorkspace, prefixes: [[Int32]]) throws(MemoryError) {
        (self.workspace, self.prefixes) = (workspace, prefixes)
        do throws(ModelError) { cache = try workspace.weights.makeCache(blocks: 0) } catch { throw MemoryError(error) }
    }

    /// Bytes of a token's keys and values, in all layers.
    var tokenBytes: Int { cache.blockBytes / KeyValueCache.blockTokens }

    /// Tokens of all prefixes.
    var prefixTokens: Int { prefixes.reduce(0) { $0 + $1.count } }

    /// The longest prefix of a prompt that leaves something of it.
    func prefix(of prompt: [Int32]) -> Int? {
        prefixes.indices.filter { prompt.count > prefixes[$0].count && prompt.starts(with: prefixes[$0]) }
            .max { prefixes[$0].count < prefixes[$1].count }
    }

    /// Tokens at the beginning of a prompt that need no step.
    func sharedTokens(of prompt: [Int32]) -> Int { prefix(of: prompt).map { prefixes[$0].count } ?? 0 }

    /// The blocks of sequences. They are good until the next call. Errors: `unavailable` memory.
    ///
    /// - Parameters:
    ///   - sequences: the prompt of each, and how many tokens it has with its answer.
    ///   - feedForward: gets the rows of the prefixes, one after the other, if they are computed now.
    func tables(_ sequences: [(prompt: [Int32], tokens: Int)], feedForward: FeedForwardTrace? = nil) throws(MemoryError) -> [[Int32]] {
        let (prefixTables, first) = prefixTables()
        let shared = sequences.map { prefix(of: $0.prompt) }
        let whole = shared.map { $0.map { prefixes[$0].count / KeyValueCache.blockTokens } ?? 0 }
        let needed = zip(sequences, whole).reduce(first) { $0 + blocks($1.0.tokens) - $1.1 }
        if cache.blocks < needed {
            do throws(ModelError) {
                cache = try workspace.weights.makeCache(blocks: max(needed, 2 * cache.blocks))
            } catch {
                throw MemoryError(error)
            }
            isFilled = false
        }
        if !isFilled, first > 0 { fill(prefixTables, feedForward) }
        isFilled = true
        var next = first
        return sequences.indices.map { index in
            let own = blocks(sequences[index].tokens) - whole[index]
            let table = shared[index].map { Array(prefixTables[$0].prefix(whole[index])) } ?? []
            // A block that the sequence goes on in is its own.
            if own > 0, let prefix = shared[index], prefixes[prefix].count % KeyValueCache.blockTokens > 0 {
                cache.copyBlock(from: prefixTables[prefix][whole[index]], to: Int32(next))
            }
            defer { next += own }
            return table + (next..<next + own).map { Int32($0) }
        }
    }

    /// The blocks of each prefix, and the first block after them.
    private func prefixTables() -> (tables: [[Int32]], end: Int) {
        var end = 0
        let tables = prefixes.map { prefix in
            defer { end += blocks(prefix.count) }
            return (end..<end + blocks(prefix.count)).map { Int32($0) }
        }
        return (tables, end)
    }

    private func fill(_ tables: [[Int32]], _ feedForward: FeedForwardTrace?) {
        var batch = StepBatch()
        for (prefix, table) in zip(prefixes, tables) where !prefix.isEmpty {
            let first = batch.tokens.count
            batch.tokens += prefix
            batch.runs.append(.init(tokens: first..<batch.tokens.count, startPosition: 0, blocks: table, logits: .none, isShort: true))
        }
        var none: Float = 0
        workspace.step(batch, cache: cache, logits: &none, feedForward: feedForward)
    }

    private func blocks(_ positions: Int) -> Int { (positions + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens }
}
