internal import Models
internal import Tensors

/// Trains the values of some facts together: cross entropy of their answers, by Adam. A fact is done when every token of its answer, the
/// end too, is below the stop in every wording; it then leaves the steps.
///
/// What counts is the step that serves, with the values rounded as they are stored: its logits give the cross entropies over the whole
/// vocabulary. That is far more work than a step of the training, so gradients are taken among a fact's candidates, which are the tokens of
/// the answer and those that were likely somewhere in a look at the engine. Such a look comes first, and again when the fact seems done
/// among its candidates.
///
/// Isolation: one thread uses it at a time. A fact's result does not depend on the others of the batch.
final class FactTraining {
    struct Settings {
        /// The greatest cross entropy of a token when a fact is done. Below ln 2 greedy decoding gives the token.
        var stop: Float
        var rate: Float
        /// Steps after which a fact is given up.
        var steps: Int
    }

    private let upper: UpperLayers
    private let served: ServedCheck
    private let configuration: DecoderConfiguration
    private let pool: WorkerPool
    private let hidden: Int
    // [rows of a step, hidden] each
    private let residual: FloatBuffer
    private let output: FloatBuffer
    private let slope: FloatBuffer

    init(_ desk: WriterDesk, _ served: ServedCheck) throws(MemoryError) {
        (upper, self.served, configuration, pool) = (desk.upper, served, desk.base.configuration, desk.pool)
        hidden = configuration.hidden
        do throws(ResourceError) {
            residual = try FloatBuffer(upper.maximumRows * hidden, for: "facts that are written")
            output = try FloatBuffer(upper.maximumRows * hidden, for: "facts that are written")
            slope = try FloatBuffer(upper.maximumRows * hidden, for: "facts that are written")
        } catch {
            throw MemoryError(.unavailable, error.message)
        }
    }

    /// The tokens of a row that become candidates.
    private static let competing = 16

    /// Trains those that are not done. False: it was interrupted. Errors: `unavailable` memory.
    func run(_ drafts: [FactDraft], _ site: SiteRows, _ settings: Settings) throws(MemoryError) -> Bool {
        var active = drafts.filter { !$0.isDone }.map { (draft: $0, most: $0.steps + settings.steps) }
        while !active.isEmpty {
            let whole = active.map(\.draft).filter { $0.next == .whole }
            guard try look(whole, site, settings) else { return false }
            for draft in whole { draft.finishWhole(stop: settings.stop) }
            active.removeAll(where: \.draft.isDone)
            let trained = active.map(\.draft).filter { $0.next == .candidates }
            for draft in trained { draft.gradient.pointer.update(repeating: 0, count: draft.gradient.count) }
            for part in parts(trained) {
                guard try train(part, site, settings) else { return false }
            }
            for draft in trained { draft.finishCandidates(stop: settings.stop) }
            // The last step's values were looked at, too.
            active.removeAll { $0.draft.next == .candidates && $0.draft.steps >= $0.most }
            let moving = active.map(\.draft).filter { $0.next == .candidates }
            pool.run { thread in
                for index in stride(from: thread, to: moving.count, by: pool.threads) { moving[index].move(rate: settings.rate) }
            }
        }
        return true
    }

    /// Sequences of one fact in a step.
    private struct Part {
        let draft: FactDraft
        let sequences: Range<Int>
        /// Of the batch's rows, and where they begin in the step.
        let rows: Range<Int>
        let start: Int
    }

    /// The facts' sequences, cut into steps.
    private func parts(_ drafts: [FactDraft]) -> [[Part]] {
        var (steps, own, rows) = ([[Part]](), [Part](), 0)
        for draft in drafts {
            // A fact is cut only where it is larger than a step: the order of its sums does not depend on the others.
            if rows > 0, rows + draft.nextSequences.count * draft.rank > upper.maximumRows {
                steps.append(own)
                (own, rows) = ([], 0)
            }
            let end = draft.nextSequences.upperBound
            var first = draft.sequences.lowerBound
            while first < end {
                let count = min((upper.maximumRows - rows) / draft.rank, end - first)
                if count == 0 {
                    steps.append(own)
                    (own, rows) = ([], 0)
                    continue
                }
                let start = draft.rows.lowerBound + (first - draft.sequences.lowerBound) * draft.rank
                own.append(
                    Part(draft: draft, sequences: first..<first + count, rows: start..<start + count * draft.rank, start: rows))
                rows += count * draft.rank
                first += count
            }
        }
        return own.isEmpty ? steps : steps + [own]
    }

    /// What a step computes: the sequences, and whose answers' tokens their targets are.
    private struct Step {
        var runs: [UpperLayers.Run] = []
        var targets: [(draft: FactDraft, row: Int)] = []
    }

    /// Puts the rows of some sequences into the step's memory.
    private func enter(_ parts: [Part], _ site: SiteRows, _ settings: Settings) -> Step {
        pool.run { thread in
            for index in stride(from: thread, to: parts.count, by: pool.threads) { enter(parts[index], site) }
        }
        var step = Step()
        for part in parts {
            for sequence in part.sequences {
                let (own, draft) = (site.sequences[sequence], part.draft)
                let answer = draft.variants[sequence - draft.sequences.lowerBound].answer
                let open = draft.open(own.rows, stop: settings.stop)
                step.runs.append(.init(after: own.prompt, rows: own.rows.count, targets: open.map { answer[$0] }, targetRows: open))
                step.targets += open.map { (draft, own.rows.lowerBound + $0) }
            }
        }
        return step
    }

    /// What the engine says of the sequences whose turn it is, over the whole vocabulary.
    private func look(_ drafts: [FactDraft], _ site: SiteRows, _ settings: Settings) throws(MemoryError) -> Bool {
        var (cases, sequences, owners, starts, rows) = ([ServedCheck.Case](), [Int](), [FactDraft](), [Int](), 0)
        for draft in drafts {
            let delta = draft.steps == 0 ? nil : try draft.experts(site: upper.site).delta(for: configuration)
            for sequence in draft.nextSequences {
                cases.append(.init(rendered: draft.variants[sequence - draft.sequences.lowerBound], delta: delta))
                sequences.append(sequence)
                owners.append(draft)
                starts.append(rows)
                rows += draft.rank
            }
        }
        var tokens = [ServedToken](repeating: ServedToken(), count: rows)
        let vocabulary = configuration.vocabulary
        let isRead = tokens.withUnsafeMutableBufferPointer { tokens in
            let tokens = UnsafeMutableBufferPointer(rebasing: tokens[...])
            return served.read(cases, after: site, sequences: sequences, layer: upper.site) { index, place, logits in
                let most = owners[index].steps == 0 ? 0 : settings.stop
                tokens[starts[index] + place] = ServedToken(
                    cases[index].rendered.answer[place], logits, vocabulary: vocabulary, competing: Self.competing, above: most)
            }
        }
        guard isRead else { return false }
        for (index, (draft, sequence)) in zip(owners, sequences).enumerated() {
            for place in cases[index].rendered.answer.indices {
                let (token, row) = (tokens[starts[index] + place], site.sequences[sequence].rows.lowerBound + place)
                draft.note(token.crossEntropy, row: row)
                draft.compete(token.competing)
            }
        }
        return true
    }

    /// A step forward and back, among the candidates of each fact.
    private func train(_ parts: [Part], _ site: SiteRows, _ settings: Settings) throws(MemoryError) -> Bool {
        let (hidden, threads, step) = (hidden, pool.threads, enter(parts, site, settings))
        let logarithms: [Float]
        do throws(ModelError) {
            logarithms = try upper.forward(
                step.runs, residual: residual.pointer, output: output.pointer,
                candidates: parts.map { ($0.sequences.count, $0.draft.candidates) })
        } catch {
            throw MemoryError(error)
        }
        if upper.wasInterrupted { return false }
        for (target, logarithm) in zip(step.targets, logarithms) { target.draft.note(-logarithm, row: target.row) }
        let slopes = step.targets.map { -1 / Float($0.draft.rows.count) }
        upper.backward(slopes, into: slope.pointer)
        if upper.wasInterrupted { return false }
        pool.run { thread in
            for index in stride(from: thread, to: parts.count, by: threads) {
                pool.giveWay()
                let (part, rank) = (parts[index], parts[index].draft.rank)
                let low = part.draft.shrunk.pointer + (part.rows.lowerBound - part.draft.rows.lowerBound) * rank
                Kernels.matmul(
                    .init(low, rowStride: 1, columnStride: rank), .init(slope.pointer + part.start * hidden, rowStride: hidden),
                    into: part.draft.gradient.pointer, cStride: hidden, rows: rank, columns: hidden, depth: part.rows.count, adds: true)
            }
        }
        return true
    }

    /// The base's rows, with what the fact adds.
    private func enter(_ part: Part, _ site: SiteRows) {
        pool.giveWay()
        let (from, to, rank) = (part.rows.lowerBound * hidden, part.start * hidden, part.draft.rank)
        (residual.pointer + to).update(from: site.residual.pointer + from, count: part.rows.count * hidden)
        (output.pointer + to).update(from: site.output.pointer + from, count: part.rows.count * hidden)
        let low = part.draft.shrunk.pointer + (part.rows.lowerBound - part.draft.rows.lowerBound) * rank
        Kernels.matmul(
            .init(low, rowStride: rank), .init(part.draft.outer.pointer, rowStride: hidden), into: output.pointer + to, cStride: hidden,
            rows: part.rows.count, columns: hidden, depth: rank, adds: true)
    }
}
