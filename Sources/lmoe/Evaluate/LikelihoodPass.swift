import Adapters
import Evaluation
import Inference
import Models
import Tensors
import Tuning

/// The loss of the answers, and the choices by their log-likelihood.
struct LikelihoodPass {
    let encoded: EncodedCandidates
    let metrics: [Metric]
    let base: BaseModel
    let pool: WorkerPool
    let store: AdapterStore

    /// Computes log-probabilities of one candidate's sequences.
    private typealias Source = (_ candidate: Int, [TrainingSequence], _ advanced: (Int) -> Void) throws -> [[Float]]

    /// Errors: memory; a loss that is not finite, with its row.
    func run(into scores: inout RawScores) throws {
        let plans = encoded.list.map { LikelihoodPlan($0.tokens, metrics) }
        let longest = plans.flatMap(\.sequences).map(\.tokens.count).max() ?? 2
        let (path, source) = try source(longest: longest, &scores)
        scores.likelihoods = path
        var bar = ProgressBar("likelihoods", total: plans.reduce(0) { $0 + $1.sequences.count })
        var done = 0
        for (candidate, plan) in plans.enumerated() {
            if path == .serving, encoded.list[candidate].adapter?.retrieval != nil {
                scores.notes.append(
                    "\(encoded.list[candidate].name) looks up its effect for each request; its loss and choices are not measured")
                continue
            }
            let logarithms = try source(candidate, plan.sequences) { bar.advance(to: done + $0) }
            done += plan.sequences.count
            try plan.score(logarithms, candidate: candidate, name: encoded.list[candidate].name, encoded.set.items, into: &scores)
        }
        bar.advance(to: plans.reduce(0) { $0 + $1.sequences.count })
    }

    /// Tuning's own steps where tuning can read every adapter, so that all figures have the same numerics; else the serving steps.
    private func source(longest: Int, _ scores: inout RawScores) throws -> (LikelihoodPath, Source) {
        var adapters: [TrainableAdapter?] = []
        for candidate in encoded.list {
            guard let name = candidate.adapter?.name else {
                adapters.append(nil)
                continue
            }
            do throws(TuningError) {
                let folder = store.status(name)?.folder ?? "\(store.folder)/\(name)"
                adapters.append(try ExistingAdapter(folder: folder).adapter(on: base.decoder, pool: pool))
            } catch {
                if error.code == .noMemory { throw error }
                scores.notes.append("loss and choices are computed as serving does, since tuning does not read \(name): \(error.message)")
                return (.serving, servingSource(longest))
            }
        }
        let likelihood = try TunedLikelihood(base.decoder, pool: pool, longest: longest)
        return (.tuning, { try likelihood.logarithms($1, adapter: adapters[$0], advanced: $2) })
    }

    private func servingSource(_ longest: Int) -> Source {
        { candidate, sequences, advanced in
            let scorer = try TextScorer(base, delta: encoded.list[candidate].adapter?.delta, window: longest)
            let probabilities = FloatBuffer(count: base.decoder.configuration.vocabulary)
            return sequences.enumerated().map { number, sequence in
                defer { advanced(number + 1) }
                return scorer.logarithms(sequence, probabilities)
            }
        }
    }
}

extension TextScorer {
    /// The natural logarithms of the probabilities of a sequence's targets.
    ///
    /// - Parameter probabilities: room for a row of the vocabulary.
    fileprivate func logarithms(_ sequence: TrainingSequence, _ probabilities: FloatBuffer) -> [Float] {
        var logarithms: [Float] = []
        let tokens = sequence.tokens
        for start in stride(from: 0, to: tokens.count - 1, by: TextScorer.chunk) {
            let range = start..<min(start + TextScorer.chunk, tokens.count - 1)
            advance(tokens, range)
            for position in range where sequence.isTarget[position + 1] {
                let row = row(position - start)
                let total = row.normalize(into: probabilities.pointer)
                logarithms.append(Float(Double(row.logits[Int(tokens[position + 1])]) - total))
            }
        }
        return logarithms
    }
}

/// Which sequences of one candidate are computed, and what each is for.
private struct LikelihoodPlan {
    private(set) var sequences: [TrainingSequence] = []
    /// At an item: its sequence for the loss, and its choices.
    private var places: [(loss: Int?, choices: Range<Int>, encoded: EncodedChoices?)] = []

    init(_ tokens: [ItemTokens], _ metrics: [Metric]) {
        for item in tokens {
            var loss: Int?
            if metrics.contains(.loss), let answers = item.answers {
                loss = sequences.count
                sequences.append(answers)
            }
            let choices = metrics.contains(.choice) ? item.choices : nil
            let first = sequences.count
            sequences += choices?.sequences ?? []
            places.append((loss, first..<sequences.count, choices))
        }
    }

    func score(
        _ logarithms: [[Float]], candidate: Int, name: String, _ items: [EvaluationItem], into scores: inout RawScores
    ) throws(Failure) {
        let sums = logarithms.map { $0.reduce(0.0) { $0 + Double($1) } }
        for (item, place) in places.enumerated() {
            if let loss = place.loss {
                guard sums[loss].isFinite else {
                    throw Failure(message: "line \(items[item].line): the loss of \(name) is not finite: its weights cannot be used")
                }
                let tokens = Double(logarithms[loss].count)
                for measure in [Measure.loss, .perplexity] { scores.set(measure, candidate: candidate, item: item, -sums[loss], weight: tokens) }
            }
            guard let choices = place.encoded else { continue }
            let score = ChoiceScore(logLikelihoods: Array(sums[place.choices]), texts: choices.texts, answer: choices.answer)
            scores.set(.accuracy, candidate: candidate, item: item, score.isRight ? 1 : 0)
            scores.set(.normalisedAccuracy, candidate: candidate, item: item, score.isRightByLength ? 1 : 0)
            scores.answers[candidate][item] = choices.texts[score.chosen]
        }
    }
}
