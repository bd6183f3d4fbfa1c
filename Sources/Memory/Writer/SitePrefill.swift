internal import Models
internal import Tensors

/// Runs the base over questions with given answers, by the step that serves: the rows at the site have the bits that they have there.
///
/// Isolation: one thread uses it at a time.
final class SitePrefill {
    private let configuration: DecoderConfiguration
    private let workspace: StepWorkspace
    private let blocks: PromptBlocks
    private let upper: UpperLayers
    private let interruption: Interruption
    /// Of what most prompts begin with, for each of the blocks' prefixes; nil: not yet computed.
    private var prefixes: [LayerPrefix]?
    private var trace: FeedForwardTrace

    /// - Parameter upper: of the site.
    init(
        _ workspace: StepWorkspace, _ blocks: PromptBlocks, _ upper: UpperLayers, interruption: Interruption
    ) throws(MemoryError) {
        configuration = workspace.weights.configuration
        (self.workspace, self.blocks, self.upper, self.interruption) = (workspace, blocks, upper, interruption)
        trace = try Self.trace(upper.site, rows: max(workspace.maximumRows, blocks.prefixTokens), configuration)
    }

    /// The rows of sequences. Nil: it was interrupted. Errors: `unavailable` memory.
    ///
    /// - Parameter keepsPrompts: keeps the keys and values of all prompts; without it `prompt` and `blocks` of the sequences are empty.
    func run(_ sequences: [RenderedFact], keepsPrompts: Bool = true) throws(MemoryError) -> SiteRows? {
        let rows = try SiteRows(rows: sequences.reduce(0) { $0 + $1.answer.count }, hidden: configuration.hidden)
        // Before the blocks are filled: this has blocks of its own.
        if keepsPrompts { guard try preparePrefixes() else { return nil } }
        let tables = keepsPrompts ? try tables(sequences[...]) : []
        var (first, row) = (0, 0)
        while first < sequences.count {
            if interruption.isSet { return nil }
            var (last, tokens) = (first, 0)
            repeat {
                tokens += length(sequences[last])
                last += 1
            } while last < sequences.count && tokens + length(sequences[last]) <= workspace.maximumRows
            if tokens > trace.rows { trace = try Self.trace(upper.site, rows: tokens, configuration) }
            let own = keepsPrompts ? Array(tables[first..<last]) : try self.tables(sequences[first..<last])
            guard try step(sequences[first..<last], own, into: rows, at: &row, keepsPrompts) else { return nil }
            first = last
        }
        return rows
    }

    private static func trace(_ site: Int, rows: Int, _ configuration: DecoderConfiguration) throws(MemoryError) -> FeedForwardTrace {
        do throws(ModelError) { return try FeedForwardTrace(layer: site, rows: rows, configuration) } catch { throw MemoryError(error) }
    }

    /// Rows that a sequence adds to a step.
    private func length(_ sequence: RenderedFact) -> Int {
        sequence.prompt.count - blocks.sharedTokens(of: sequence.prompt) + sequence.answer.count - 1
    }

    private func step(
        _ sequences: ArraySlice<RenderedFact>, _ tables: [[Int32]], into rows: SiteRows, at row: inout Int, _ keepsPrompts: Bool
    ) throws(MemoryError) -> Bool {
        var batch = StepBatch()
        for (sequence, table) in zip(sequences, tables) {
            let (first, start) = (batch.tokens.count, blocks.sharedTokens(of: sequence.prompt))
            batch.tokens += sequence.prompt.dropFirst(start) + sequence.answer.dropLast()
            batch.runs.append(.init(tokens: first..<batch.tokens.count, startPosition: start, blocks: table, logits: .none, isShort: true))
        }
        var none: Float = 0
        workspace.step(batch, cache: blocks.cache, logits: &none, feedForward: trace)
        var extended: [(run: UpperLayers.Run, row: Int)] = []
        for ((sequence, table), run) in zip(zip(sequences, tables), batch.runs) {
            // The prompt's last token is the answer's first row.
            let before = sequence.prompt.count - run.startPosition - 1
            rows.copy(trace, from: run.tokens.lowerBound + before, to: row, count: sequence.answer.count)
            let prefix = try prefix(keepsPrompts ? sequence.prompt.count - 1 : 0)
            if keepsPrompts, let prefixes, let shared = blocks.prefix(of: sequence.prompt) { prefix.copy(prefixes[shared]) }
            rows.sequences.append((row..<row + sequence.answer.count, prefix, keepsPrompts ? table : []))
            row += sequence.answer.count
            if keepsPrompts, before > 0 { extended.append((.init(after: prefix, rows: before), run.tokens.lowerBound)) }
        }
        return try extend(extended)
    }

    /// The prompts' rows of the trace, through the layers above the site.
    private func extend(_ runs: [(run: UpperLayers.Run, row: Int)]) throws(MemoryError) -> Bool {
        let hidden = configuration.hidden
        var start = 0
        while start < runs.count {
            var (end, count) = (start, 0)
            repeat {
                count += runs[end].run.rows
                end += 1
            } while end < runs.count && count + runs[end].run.rows <= upper.maximumRows
            let (residual, output) = (FloatBuffer(count: count * hidden), FloatBuffer(count: count * hidden))
            var target = 0
            for (run, row) in runs[start..<end] {
                (residual.pointer + target).update(from: trace.residual.pointer + row * hidden, count: run.rows * hidden)
                (output.pointer + target).update(from: trace.output.pointer + row * hidden, count: run.rows * hidden)
                target += run.rows * hidden
            }
            do throws(ModelError) {
                try upper.extend(runs[start..<end].map(\.run), residual: residual.pointer, output: output.pointer)
            } catch {
                throw MemoryError(error)
            }
            if upper.wasInterrupted { return false }
            start = end
        }
        return true
    }

    /// Computes what most prompts begin with, above the site.
    private func preparePrefixes() throws(MemoryError) -> Bool {
        if prefixes != nil { return true }
        let own = try PromptBlocks(workspace, prefixes: blocks.prefixes)
        _ = try own.tables([], feedForward: trace)
        var (made, row) = ([LayerPrefix](), 0)
        for tokens in blocks.prefixes {
            let prefix = try prefix(tokens.count)
            if !tokens.isEmpty { guard try extend([(.init(after: prefix, rows: tokens.count), row)]) else { return false } }
            made.append(prefix)
            row += tokens.count
        }
        prefixes = made
        return true
    }

    private func tables(_ sequences: ArraySlice<RenderedFact>) throws(MemoryError) -> [[Int32]] {
        try blocks.tables(sequences.map { ($0.prompt, $0.prompt.count + $0.answer.count - 1) })
    }

    private func prefix(_ capacity: Int) throws(MemoryError) -> LayerPrefix {
        do throws(ModelError) {
            return try LayerPrefix(above: upper.site, capacity: capacity, configuration)
        } catch {
            throw MemoryError(error)
        }
    }
}
