internal import Models
internal import Tensors

/// Whether the engine's own step gives an answer token by token: the answer is given to it, and at every place its next token must be the
/// one with the greatest logit. That is what greedy decoding answers, bit for bit.
///
/// Isolation: one thread uses it at a time.
final class ServedCheck {
    struct Case {
        var rendered: RenderedFact
        /// Nil: the base.
        var delta: AdapterDelta?

        /// What the step reads at each place of the answer.
        var inputs: [Int32] { [rendered.prompt[rendered.prompt.count - 1]] + rendered.answer.dropLast() }
    }

    private let workspace: StepWorkspace
    private let blocks: PromptBlocks
    private let interruption: Interruption
    private let pool: WorkerPool
    private let logits: FloatBuffer
    /// Rows of logits of a step.
    private let logitRows: Int
    /// The residual stream that a step begins with, `[logitRows, hidden]`.
    private let entry: FloatBuffer
    private let hidden: Int

    /// Floats of logits in memory.
    private static let logitFloats = 8 << 20

    init(_ desk: WriterDesk) throws(MemoryError) {
        (workspace, blocks, interruption, pool) = (desk.workspace, desk.blocks, desk.interruption, desk.pool)
        hidden = workspace.weights.configuration.hidden
        logitRows = max(1, min(workspace.maximumRows, Self.logitFloats / workspace.weights.logitsStride))
        do throws(ResourceError) {
            logits = try FloatBuffer(logitRows * workspace.weights.logitsStride, for: "logits of facts")
            entry = try FloatBuffer(logitRows * hidden, for: "a fact's rows")
        } catch {
            throw MemoryError(.unavailable, error.message)
        }
    }

    /// For each case whether its answer is exact. Nil: it was interrupted. Errors: `unavailable` memory.
    func run(_ cases: [Case]) throws(MemoryError) -> [Bool]? {
        var (results, first) = ([Bool](), 0)
        while first < cases.count {
            var (last, rows, answers) = (first, 0, 0)
            repeat {
                rows += length(cases[last])
                answers += cases[last].rendered.answer.count
                last += 1
            } while last < cases.count && rows + length(cases[last]) <= workspace.maximumRows
                && answers + cases[last].rendered.answer.count <= logitRows
            guard let found = try check(Array(cases[first..<last])) else { return nil }
            results += found
            first = last
        }
        return results
    }

    /// What the engine says of some rows of cases whose prompts are in the blocks and whose rows are known up to the site, as they are when
    /// facts are being trained: only what experts change is computed. Rows are visited by several threads, each row once. False: it was
    /// interrupted.
    ///
    /// - Parameters:
    ///   - sequences: of `site`, one for each case.
    ///   - visit: gets the case, the place of its answer, and the row of logits, which it may change.
    func read(
        _ cases: [Case], after site: SiteRows, sequences: [Int], layer: Int,
        visit: (_ index: Int, _ place: Int, _ logits: UnsafeMutablePointer<Float>) -> Void
    ) -> Bool {
        var (index, place) = (0, 0)
        while index < cases.count {
            if interruption.isSet { return false }
            var (batch, taken) = (StepBatch(), [(index: Int, place: Int)]())
            while index < cases.count, batch.tokens.count < logitRows {
                let (own, known) = (cases[index], site.sequences[sequences[index]])
                let rows = place..<min(place + logitRows - batch.tokens.count, own.rendered.answer.count)
                (entry.pointer + batch.tokens.count * hidden).update(
                    from: site.residual.pointer + (known.rows.lowerBound + rows.lowerBound) * hidden, count: rows.count * hidden)
                add(own.inputs[rows], at: own.rendered.prompt.count - 1 + rows.lowerBound, known.blocks, own.delta, .all, to: &batch)
                taken += rows.map { (index, $0) }
                (index, place) = rows.upperBound == own.rendered.answer.count ? (index + 1, 0) : (index, rows.upperBound)
            }
            let (logits, stride, rows) = (logits.pointer, workspace.weights.logitsStride, taken)
            workspace.step(
                batch, cache: blocks.cache, logits: logits, stride: stride,
                from: FeedForwardEntry(layer: layer, residual: entry.pointer))
            pool.run { thread in
                for row in Swift.stride(from: thread, to: rows.count, by: pool.threads) {
                    pool.giveWay()
                    visit(rows[row].index, rows[row].place, logits + row * stride)
                }
            }
        }
        return true
    }

    private func length(_ one: Case) -> Int {
        one.rendered.prompt.count - blocks.sharedTokens(of: one.rendered.prompt) + one.rendered.answer.count - 1
    }

    /// Cases of one step, or one case of several.
    private func check(_ cases: [Case]) throws(MemoryError) -> [Bool]? {
        let tables = try blocks.tables(cases.map { ($0.rendered.prompt, $0.rendered.prompt.count + $0.rendered.answer.count - 1) })
        var (done, exact) = ([Int](repeating: 0, count: cases.count), [Bool](repeating: true, count: cases.count))
        var isFirst = true
        while true {
            if interruption.isSet { return nil }
            var (batch, taken, room) = (StepBatch(), [(index: Int, rows: Range<Int>)](), logitRows)
            if isFirst {
                for (own, table) in zip(cases, tables) {
                    let start = blocks.sharedTokens(of: own.rendered.prompt)
                    add(own.rendered.prompt.dropFirst(start).dropLast(), at: start, table, nil, .none, to: &batch)
                }
            }
            isFirst = false
            for (index, own) in cases.enumerated() where done[index] < own.rendered.answer.count && room > 0 {
                let rows = done[index]..<min(done[index] + room, own.rendered.answer.count)
                add(own.inputs[rows], at: own.rendered.prompt.count - 1 + rows.lowerBound, tables[index], own.delta, .all, to: &batch)
                taken.append((index, rows))
                done[index] = rows.upperBound
                room -= rows.count
            }
            if taken.isEmpty { return exact }
            workspace.step(batch, cache: blocks.cache, logits: logits.pointer, stride: workspace.weights.logitsStride)
            compare(taken, cases, &exact)
        }
    }

    /// Rows of logits, in order, with the answers' tokens.
    private func compare(_ taken: [(index: Int, rows: Range<Int>)], _ cases: [Case], _ exact: inout [Bool]) {
        let stride = workspace.weights.logitsStride
        var row = 0
        for (index, rows) in taken {
            for place in rows {
                let best = Kernels.maximumIndex(logits.pointer + row * stride, count: workspace.weights.configuration.vocabulary)
                exact[index] = exact[index] && best == Int(cases[index].rendered.answer[place])
                row += 1
            }
        }
    }

    private func add(
        _ tokens: some Collection<Int32>, at position: Int, _ table: [Int32], _ delta: AdapterDelta?, _ logits: StepBatch.Run.Logits,
        to batch: inout StepBatch
    ) {
        if tokens.isEmpty { return }
        let first = batch.tokens.count
        batch.tokens += tokens
        batch.runs.append(.init(tokens: first..<batch.tokens.count, startPosition: position, blocks: table, delta: delta, logits: logits, isShort: true))
    }
}
