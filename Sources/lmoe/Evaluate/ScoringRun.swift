import Evaluation
import Gateway
import Generation
import Inference

/// Measures all candidates on all rows: first the likelihoods, then the answers.
struct ScoringRun {
    struct Options {
        /// Nil: by the longest expected answer.
        var maxTokens: Int?
        /// 0: greedy.
        var temperature = 0.0
        var stop: [String] = []
        var seed: UInt64 = 0
    }

    let encoded: EncodedCandidates
    let metrics: [Metric]
    let base: BaseModel
    let workspace: Workspace
    let library: AdapterLibrary
    var options = Options()

    /// Of the answers' tokens, when no limit is given.
    private static let standardTokens = 32...512

    init(_ encoded: EncodedCandidates, metrics: [Metric], base: BaseModel, workspace: Workspace, library: AdapterLibrary) {
        (self.encoded, self.metrics, self.base, self.workspace, self.library) = (encoded, metrics, base, workspace, library)
    }

    func scores(_ judge: QueryJudge?) throws -> RawScores {
        var scores = RawScores(metrics, candidates: encoded.list.count, items: encoded.set.items.count)
        if metrics.contains(.loss) || metrics.contains(.choice) {
            try LikelihoodPass(encoded: encoded, metrics: metrics, base: base, pool: workspace.pool, store: library.store).run(into: &scores)
        }
        if metrics.contains(where: \.needsAnswers) { try generate(judge, into: &scores) }
        return scores
    }

    private func generate(_ judge: QueryJudge?, into scores: inout RawScores) throws {
        let engine = try workspace.configuration.openEngine(base, library: library, encoder: workspace.encoder.open)
        defer { engine.stop() }
        let limit = options.maxTokens ?? standardLimit
        scores.maxTokens = limit
        let requests = requests(limit: limit, context: engine.contextLength, into: &scores)
        var bar = ProgressBar("answering", total: requests.count)
        var answers = AnswerScores(encoded: encoded, metrics: metrics, judge: judge)
        var cut = [Int](repeating: 0, count: encoded.list.count)
        // Twice as many as run at once: none waits for the next request to be prepared.
        let atOnce = min(2 * engine.limits.activeSequences, engine.limits.activeSequences + engine.limits.queuedRequests)
        let generated = try AnswerBatch(requests.map(\.request), on: engine, atOnce: atOnce).answers { bar.advance() }
        for (request, answer) in zip(requests, generated) {
            scores.answers[request.candidate][request.item] = answer.text
            if answer.finish == .length { cut[request.candidate] += 1 }
            answers.add(answer.text, candidate: request.candidate, item: request.item, into: &scores)
        }
        scores.notes += answers.notes
        let ends = zip(encoded.list, cut).filter { $0.1 > 0 }.map { "\($0.0.name) \($0.1)" }
        if !ends.isEmpty { scores.notes.append("answers that ended at \(limit) tokens (--max-tokens): \(ends.joined(separator: ", "))") }
    }

    /// A request for each row and candidate, row after row, so that steps mix all of them.
    private func requests(
        limit: Int, context: Int, into scores: inout RawScores
    ) -> [(request: GenerationRequest, candidate: Int, item: Int)] {
        var sampling = SamplingParameters.greedy
        sampling.temperature = Float(options.temperature)
        var requests: [(request: GenerationRequest, candidate: Int, item: Int)] = []
        var tooLong = 0
        for (item, row) in encoded.set.items.enumerated() where row.expected != nil {
            for (candidate, own) in encoded.list.enumerated() {
                let prompt = own.tokens[item].prompt
                guard !prompt.isEmpty, prompt.count < context else {
                    tooLong += 1
                    continue
                }
                sampling.seed = options.seed &+ UInt64(item)
                let request = GenerationRequest(
                    id: "line \(row.line), \(own.name)", prompt: .tokens(prompt), adapter: own.adapter?.name, sampling: sampling,
                    maxTokens: min(limit, context - prompt.count), stop: options.stop)
                requests.append((request, candidate, item))
            }
        }
        if tooLong > 0 { scores.notes.append("\(tooLong) prompts are empty or have more tokens than the context (\(context)); nothing was generated for them") }
        return requests
    }

    private var standardLimit: Int {
        let longest = encoded.list.flatMap(\.tokens).map(\.answerTokens).max() ?? 0
        return min(max(longest + (longest + 1) / 2, Self.standardTokens.lowerBound), Self.standardTokens.upperBound)
    }
}
