public import Models
public import Tensors

/// A fact with its experts, which were checked on the step that serves.
public struct WrittenFact: Sendable, Equatable {
    public var experts: FactExperts
    /// Of the optimiser.
    public var steps: Int
    /// The greatest cross entropy of a token of the answer in any of its wordings, on the step that serves.
    public var worst: Float
    /// The mean cross entropy of a token of the answer in all wordings, before each step and after the last.
    public var losses: [Float]
    /// Wordings that it was written for, the question among them.
    public var wordings: Int
}

/// Writes facts: finds for each the experts with which the base gives its answer exactly.
///
/// A fact is written for its question, three wordings of it by rule, of which one comes after another system message and one after an
/// earlier turn, and for the wordings that it is told with. Its keys are solved for (`FactKeys`) and its values trained (`FactTraining`)
/// until the engine's own step, with both rounded to bf16, gives the answer token by token for every wording.
///
/// Isolation: one thread uses it at a time. With a background pool it gives way to serving; no result depends on that.
public final class MemoryWriter {
    public struct Settings: Sendable {
        /// The greatest cross entropy of a token of an answer.
        public var stop: Float = 0.1
        /// Of Adam. A greater one needs fewer steps: with 0.4, 2 of 400 other wordings were lost on SmolLM2 where 0.35 lost none; 0.8 is unstable.
        public var rate: Float = 0.35
        /// Steps after which a fact is given up.
        public var steps = 120
        /// Wordings by rule, at most three.
        public var ruleWordings = 3
        /// Rows of a step of the layers above the site.
        public var stepRows = 1024

        public init() {}
    }

    public let calibration: MemoryCalibration
    public let settings: Settings
    private let desk: WriterDesk
    private let keys: FactKeys
    private let training: FactTraining
    private let served: ServedCheck

    /// Errors: `mismatched` for a calibration of another base, `invalid` for a layer that the base does not have, `unavailable` memory.
    ///
    /// - Parameters:
    ///   - pool: in the background it gives way to the foreground.
    ///   - interruption: when it is set, `write` and `verify` return nil soon.
    public init(
        _ base: MemoryBase, _ calibration: MemoryCalibration, pool: WorkerPool, settings: Settings = Settings(),
        interruption: Interruption = Interruption()
    ) throws(MemoryError) {
        try calibration.check(base)
        (self.calibration, self.settings) = (calibration, settings)
        desk = try WriterDesk(
            base, site: calibration.site, pool: pool, upperRows: max(settings.stepRows, WriterLimits.answerTokens),
            interruption: interruption)
        keys = FactKeys(calibration)
        served = try ServedCheck(desk)
        training = try FactTraining(desk, served)
    }

    /// Writes facts, of which each is a success or a failure of its own: `invalid` texts, with the field as the place; `notLearned`.
    /// Nil: it was interrupted. Errors that concern all: `unavailable` memory.
    ///
    /// - Parameter progress: gets how many facts are done.
    public func write(
        _ facts: [Fact], progress: (_ done: Int) -> Void = { _ in }
    ) throws(MemoryError) -> [Result<WrittenFact, MemoryError>]? {
        var results = [Result<WrittenFact, MemoryError>?](repeating: nil, count: facts.count)
        var (batch, rows, tokens, done) = ([(index: Int, variants: [RenderedFact])](), 0, 0, 0)
        for (index, fact) in facts.enumerated() {
            do throws(MemoryError) {
                let variants = try variants(fact)
                let own = variants.reduce(0) { $0 + $1.answer.count }
                let ownTokens = own + variants.reduce(0) { $0 + $1.prompt.count }
                if !batch.isEmpty, rows + own > desk.upper.maximumRows || tokens + ownTokens > desk.batchTokens {
                    guard try write(batch, into: &results) else { return nil }
                    done += batch.count
                    progress(done)
                    (batch, rows, tokens) = ([], 0, 0)
                }
                batch.append((index, variants))
                rows += own
                tokens += ownTokens
            } catch {
                if error.code == .unavailable { throw error }
                results[index] = .failure(error)
                done += 1
            }
        }
        guard try write(batch, into: &results) else { return nil }
        progress(facts.count)
        return results.map { $0 ?? .failure(MemoryError(.notLearned, "the fact was not written")) }
    }

    /// For each fact with its experts whether the engine answers its question and its wordings exactly. Nil: it was interrupted. Errors:
    /// `unavailable` memory; experts of another site or decoder are not exact.
    public func verify(_ facts: [(fact: Fact, experts: FactExperts)]) throws(MemoryError) -> [Bool]? {
        var (cases, ranges) = ([ServedCheck.Case](), [Range<Int>]())
        for (fact, experts) in facts {
            let first = cases.count
            do throws(MemoryError) {
                let delta = try experts.delta(for: desk.base.configuration)
                cases += try variants(fact).map { ServedCheck.Case(rendered: $0, delta: delta) }
            } catch {
                if error.code == .unavailable { throw error }
                cases.removeLast(cases.count - first)
            }
            ranges.append(first..<cases.count)
        }
        guard let exact = try served.run(cases) else { return nil }
        return ranges.map { range in !range.isEmpty && range.allSatisfy { exact[$0] } }
    }

    /// For each text whether the engine answers it with a fact's answer when its experts are in force. Nil: it was interrupted.
    public func answers(_ texts: [(text: String, answer: String, experts: FactExperts)]) throws(MemoryError) -> [Bool]? {
        var cases: [ServedCheck.Case] = []
        for (text, answer, experts) in texts {
            cases.append(
                .init(rendered: try desk.renderer.fact(text, answer), delta: try experts.delta(for: desk.base.configuration)))
        }
        return try served.run(cases)
    }

    // MARK: A batch

    /// The question and its other wordings, each once. Errors: `invalid`, with the field.
    private func variants(_ fact: Fact) throws(MemoryError) -> [RenderedFact] {
        guard fact.wordings.count <= WriterLimits.wordings else {
            throw MemoryError(.invalid, "\(fact.wordings.count) wordings, at most \(WriterLimits.wordings) are written", place: "wordings")
        }
        let question = try desk.renderer.fact(fact.question, fact.answer)
        var variants = [question]
        let rules = Array(QuestionRules.paraphrases(of: fact.question).prefix(settings.ruleWordings))
        // The last rules' wordings come in the other settings, one each; the question where there is none.
        let others = desk.settings.filter { $0 != .alone }
        let placed = others.indices.map { index in
            let rule = rules.count - others.count + index
            return (text: rules.indices ~= rule ? rules[rule] : fact.question, setting: others[index])
        }
        // In plain text the base reads the end of the question last. Behind a mark all questions are much alike; without one they end in
        // different words.
        let alone =
            desk.base.template == nil
            ? rules.prefix(1) + ([fact.question] + rules.dropFirst()).compactMap(QuestionRules.withoutMark) : rules.dropLast(others.count)
        func add(_ text: String, in setting: FactSetting = .alone, place: String = "question") throws(MemoryError) {
            let rendered = try desk.renderer.fact(text, fact.answer, in: setting, place: place)
            guard rendered.answer == question.answer else {
                throw MemoryError(.invalid, "the answer has other tokens after this wording than after the question", place: place)
            }
            if !variants.contains(rendered) { variants.append(rendered) }
        }
        for text in alone { try add(text) }
        for text in fact.wordings { try add(text, place: "wordings") }
        for (text, setting) in placed {
            do throws(MemoryError) {
                try add(text, in: setting)
            } catch where error.code == .invalid {
                // It is too long with what stands before it.
                try add(text)
            }
        }
        return variants
    }

    private func write(
        _ batch: [(index: Int, variants: [RenderedFact])], into results: inout [Result<WrittenFact, MemoryError>?]
    ) throws(MemoryError) -> Bool {
        if batch.isEmpty { return true }
        guard let rows = try desk.prefill.run(batch.flatMap(\.variants)) else { return false }
        var (drafts, first) = ([FactDraft](), 0)
        for (index, variants) in batch {
            defer { first += variants.count }
            do throws(MemoryError) {
                let start = rows.sequences[first].rows.lowerBound * calibration.hidden
                let solved = try keys.solve(
                    rows.input.pointer + start, sequences: variants.count, places: variants[0].answer.count, pool: desk.pool)
                drafts.append(
                    FactDraft(
                        index: index, variants: variants, sequences: first..<first + variants.count, rows, keys: solved, calibration))
            } catch {
                results[index] = .failure(error)
            }
        }
        guard try training.run(drafts, rows, .init(stop: settings.stop, rate: settings.rate, steps: settings.steps)) else { return false }
        for draft in drafts {
            results[draft.index] =
                draft.isDone
                ? .success(
                    WrittenFact(
                        experts: draft.experts(site: calibration.site), steps: draft.steps, worst: draft.worst, losses: draft.losses,
                        wordings: draft.variants.count))
                : .failure(
                    MemoryError(
                        .notLearned,
                        "the answer is not exact after \(draft.steps) steps: a token has the cross entropy \(draft.worst), "
                            + "expected less than \(settings.stop)", place: "answer"))
        }
        return true
    }
}
