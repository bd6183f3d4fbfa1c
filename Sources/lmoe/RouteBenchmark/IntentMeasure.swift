import Generation
import Routing

/// Measures on the test split a router that was trained on the training split.
struct IntentMeasure {
    let data: IntentDataset
    let embedder: RememberedEmbedder
    /// The first encoder of a cascade; nil: `embedder` decides alone.
    var first: RememberedEmbedder?

    struct Quality {
        var accuracy = 0.0
        /// The right adapter is among the best three.
        var topThree = 0.0
        /// Out-of-scope texts that are refused when the threshold keeps 95 % of the texts in scope. Nil without such texts.
        var outOfScopeRecall: Double?
        /// The calibration error of the best adapter's probability, over texts in scope.
        var calibrationError = 0.0
        /// The same over all texts of the test split; for those out of scope no adapter is right.
        var calibrationErrorOfAll = 0.0
        /// In scope: answered by the right adapter, by a wrong one, by the base, with the policy's threshold.
        var matched = 0.0
        var mismatched = 0.0
        var fellBack = 0.0
        /// Out of scope, with the policy's threshold.
        var outOfScopeFellBack: Double?
    }

    /// - Parameter perAdapter: examples an adapter, drawn from the seed; nil takes all.
    func router(perAdapter: Int? = nil, seed: UInt64 = 0, leaving: String? = nil) throws -> Router {
        let router = Router(embedder: embedder, first: first.map { Router(embedder: $0) })
        try router.update(definitions(perAdapter: perAdapter, seed: seed).filter { $0.adapter != leaving })
        return router
    }

    /// The words of an intent's name are its description.
    func definitions(perAdapter: Int? = nil, seed: UInt64 = 0) -> [RouteDefinition] {
        let byIntent = Dictionary(grouping: data.train, by: \.intent)
        var random = SeededGenerator(seed: seed)
        return data.intents.map { intent in
            var examples = (byIntent[intent] ?? []).map(\.text)
            if let perAdapter { examples = Array(examples.shuffled(using: &random).prefix(perAdapter)) }
            let words = intent.split { $0 == "_" || $0 == "-" }.joined(separator: " ")
            return RouteDefinition(adapter: intent, description: words, examples: examples)
        }
    }

    func quality(_ router: Router) throws -> Quality {
        let inScope = try data.test.map { try outcome(router, $0.text, $0.intent) }
        let all = RouteEvaluation(inScope + (try data.outOfScope.map { try outcome(router, $0.text, nil) }))
        var quality = Quality()
        quality.accuracy = all.accuracy ?? 0
        quality.topThree = all.topThree ?? 0
        quality.outOfScopeRecall = all.outOfScopeRecall
        quality.calibrationError = RouteEvaluation(inScope).reliability.expectedCalibrationError
        quality.calibrationErrorOfAll = all.reliability.expectedCalibrationError
        (quality.matched, quality.mismatched, quality.fellBack) = (all.matched ?? 0, all.mismatched ?? 0, all.fellBack ?? 0)
        quality.outOfScopeFellBack = all.outOfScopeFellBack
        return quality
    }

    /// For texts in scope and out of scope.
    func decidedFirst(_ router: Router) throws -> Double {
        let texts = data.test.map(\.text) + data.outOfScope.map(\.text)
        return share(try texts.map { try router.decide(RouteQuery(text: $0, top: 1)) }) { $0.notes.first?.isSure == true }
    }

    private func outcome(_ router: Router, _ text: String, _ intent: String?) throws -> RouteEvaluation.Outcome {
        RouteEvaluation.Outcome(
            LabelledText(text: text, adapter: intent, line: 0), try router.decide(RouteQuery(text: text, top: 3)))
    }

    /// The share of the test split's texts whose decision stays the same when they are perturbed.
    func robustness(_ router: Router, _ perturbation: Perturbation) throws -> Double {
        var random = SeededGenerator(seed: 1)
        let texts = data.test.map(\.text)
        let before = try texts.map { try router.decide(RouteQuery(text: $0, top: 1)) }
        let after = try texts.map { try router.decide(RouteQuery(text: perturbation.apply($0, &random), top: 1)) }
        return share(Array(zip(before, after))) { $0.candidates.first?.adapter == $1.candidates.first?.adapter }
    }

    private func share<Element>(_ elements: [Element], _ isCounted: (Element) -> Bool) -> Double {
        Double(elements.count(where: isCounted)) / Double(max(elements.count, 1))
    }
}
