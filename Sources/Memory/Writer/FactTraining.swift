internal import Models
internal import Tensors

/// Trains the values of some facts together: cross entropy of their answers over the whole vocabulary, by Adam. A fact is done when every
/// token of its answer, the end too, is below the stop in every wording; it then leaves the steps.
///
/// Isolation: one thread uses it at a time. A fact's result does not depend on the others of the batch.
final class FactTraining {
    struct Settings {
        /// The greatest cross entropy of a token when a fact is done. Below ln 2 greedy decoding is right; the rest is for rounding.
        var stop: Float
        var rate: Float
        /// Steps after which a fact is given up.
        var steps: Int
    }

    private let upper: UpperLayers
    private let pool: WorkerPool
    private let hidden: Int
    // [rows of a step, hidden] each
    private let residual: FloatBuffer
    private let output: FloatBuffer
    private let slope: FloatBuffer

    init(_ upper: UpperLayers, hidden: Int, pool: WorkerPool) throws(MemoryError) {
        (self.upper, self.hidden, self.pool) = (upper, hidden, pool)
        do throws(ResourceError) {
            residual = try FloatBuffer(upper.maximumRows * hidden, for: "facts that are written")
            output = try FloatBuffer(upper.maximumRows * hidden, for: "facts that are written")
            slope = try FloatBuffer(upper.maximumRows * hidden, for: "facts that are written")
        } catch {
            throw MemoryError(.unavailable, error.message)
        }
    }

    /// Trains those that are not done. False: it was interrupted. Errors: `unavailable` memory.
    func run(_ drafts: [FactDraft], _ site: SiteRows, _ settings: Settings) throws(MemoryError) -> Bool {
        var active = drafts.filter { !$0.isDone }
        for step in 0...settings.steps {
            if active.isEmpty { return true }
            for draft in active {
                draft.gradient.pointer.update(repeating: 0, count: draft.gradient.count)
            }
            for part in parts(active) {
                guard try run(part, site, settings) else { return false }
            }
            for draft in active {
                draft.finishPass(stop: settings.stop)
                if !draft.isDone { draft.steps += 1 }
            }
            active.removeAll(where: \.isDone)
            if step == settings.steps { break }
            pool.run { thread in
                for index in stride(from: thread, to: active.count, by: pool.threads) { active[index].move(rate: settings.rate) }
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
            if rows > 0, rows + draft.rows.count > upper.maximumRows {
                steps.append(own)
                (own, rows) = ([], 0)
            }
            var first = draft.sequences.lowerBound
            while first < draft.sequences.upperBound {
                let count = min((upper.maximumRows - rows) / draft.rank, draft.sequences.upperBound - first)
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

    /// One step forward and back.
    private func run(_ parts: [Part], _ site: SiteRows, _ settings: Settings) throws(MemoryError) -> Bool {
        let (hidden, threads) = (hidden, pool.threads)
        pool.run { thread in
            for index in stride(from: thread, to: parts.count, by: threads) { enter(parts[index], site) }
        }
        var (runs, targets) = ([UpperLayers.Run](), [(draft: FactDraft, row: Int)]())
        for part in parts {
            for sequence in part.sequences {
                let (own, draft) = (site.sequences[sequence], part.draft)
                let answer = draft.variants[sequence - draft.sequences.lowerBound].answer
                let open = draft.open(own.rows, stop: settings.stop)
                runs.append(.init(after: own.prompt, rows: own.rows.count, targets: open.map { answer[$0] }, targetRows: open))
                targets += open.map { (draft, own.rows.lowerBound + $0) }
            }
        }
        let logarithms: [Float]
        do throws(ModelError) {
            logarithms = try upper.forward(runs, residual: residual.pointer, output: output.pointer, differentiates: true)
        } catch {
            throw MemoryError(error)
        }
        if upper.wasInterrupted { return false }
        for (target, logarithm) in zip(targets, logarithms) { target.draft.note(-logarithm, row: target.row) }
        // A fact whose sequences are in several steps is open until the last one.
        guard parts.contains(where: { $0.draft.worst >= settings.stop || $0.sequences.count < $0.draft.sequences.count }) else { return true }
        let slopes = targets.map { -1 / Float($0.draft.rows.count) }
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
