import Generation
import Routing

/// The cost of routing over a data set's adapters; medians.
struct IntentTimes {
    let data: IntentDataset
    let encoder: any TextEmbedder
    let measure: IntentMeasure

    private static let additions = 9

    struct Times {
        /// Adding one adapter: embedding its examples, training, calibrating.
        var addMilliseconds = 0.0
        /// Given the text's features.
        var decisionMicroseconds = 0.0
        /// A text of about 16 tokens, from the text to the decision.
        var routeMicroseconds = 0.0
    }

    func times() throws -> Times {
        let router = Router(embedder: encoder)
        let definitions = measure.definitions()
        let known = Router(embedder: measure.embedder)
        try known.update(definitions)
        var times = Times()
        let text = "could you please tell me what the weather will be like tomorrow afternoon in london"
        let embedded = try encoder.features(of: [text])
        times.decisionMicroseconds = try median(of: 200) { _ = known.decide(RouteQuery(text: text, top: 1), embedded: embedded) }
        try router.update(definitions)
        times.routeMicroseconds = try median(of: 200) { _ = try router.decide(RouteQuery(text: text, top: 1)) }
        times.addMilliseconds = try addition(router, definitions)
        return times
    }

    /// Removes each of some adapters and adds it again; its examples are embedded again, as if it were new.
    private func addition(_ router: Router, _ definitions: [RouteDefinition]) throws -> Double {
        let clock = ContinuousClock()
        var elapsed: [Double] = []
        for round in 0..<Self.additions {
            let added = definitions[round * definitions.count / Self.additions].adapter
            try router.update(definitions.filter { $0.adapter != added })
            let start = clock.now
            try router.update(definitions)
            elapsed.append((clock.now - start) / .milliseconds(1))
        }
        return elapsed.sorted()[elapsed.count / 2]
    }

    /// Microseconds.
    private func median(of count: Int, _ body: () throws -> Void) throws -> Double {
        let clock = ContinuousClock()
        var elapsed: [Double] = []
        for _ in 0..<count {
            let start = clock.now
            try body()
            elapsed.append((clock.now - start) / .microseconds(1))
        }
        return elapsed.sorted()[count / 2]
    }
}
