import JSON

/// Which adapter answers a request, and why.
public struct RouteDecision: Sendable {
    public enum Route: String, Sendable {
        /// The client named the adapter (or the base).
        case explicit
        /// The router found an adapter that is probable enough.
        case matched
        /// No adapter was probable enough: the base answers.
        case fallback
    }

    public struct Neighbour: Sendable, Equatable {
        public var text: String
        /// Cosine, -1...1.
        public var similarity: Float
    }

    public struct Candidate: Sendable {
        public var adapter: String
        /// Calibrated probability that this adapter is the right one.
        public var probability: Double
        /// What its rule says: about 1 for its own examples, about 0 for all other texts.
        public var score: Float
        public var threshold: Double
        public var nearest: [Neighbour]
    }

    public struct Timings: Sendable {
        public var tokenizeMicroseconds = 0.0
        public var embedMicroseconds = 0.0
        public var searchMicroseconds = 0.0
        public var totalMicroseconds = 0.0

        public init() {}
    }

    /// nil is the base.
    public var adapter: String?
    public var route: Route
    /// A sentence for a person.
    public var reason: String
    /// Of the chosen adapter, or of the best one that was not good enough; nil when nothing was compared.
    public var probability: Double?
    /// That none of the adapters is meant; nil when nothing was compared.
    public var noneProbability: Double?
    /// Probability ahead of the second candidate.
    public var margin: Double?
    /// The one that the best candidate had to reach.
    public var threshold: Double?
    /// What was embedded.
    public var text: String
    /// The text as it came, where words of it were mended.
    public var original: String?
    /// Best first.
    public var candidates: [Candidate]
    public var encoder: String
    public var timings: Timings
    /// What became of it after the figures.
    public var notes = RouteNotes()

    /// A choice that needs no router.
    public static func explicit(_ adapter: String?, reason: String) -> RouteDecision {
        RouteDecision(
            adapter: adapter, route: .explicit, reason: reason, probability: nil, noneProbability: nil, margin: nil, threshold: nil,
            text: "", candidates: [], encoder: "", timings: .init())
    }

    /// The base because there is nothing to choose from or no router.
    public static func fallback(reason: String, text: String = "", encoder: String = "") -> RouteDecision {
        RouteDecision(
            adapter: nil, route: .fallback, reason: reason, probability: nil, noneProbability: nil, margin: nil, threshold: nil,
            text: text, candidates: [], encoder: encoder, timings: .init())
    }
}

extension RouteDecision {
    /// The route explanation of the interface page.
    public var json: JSONValue {
        var object = JSONObject()
        object["adapter"] = adapter.map(JSONValue.string) ?? .null
        object["route"] = .string(route.rawValue)
        object["reason"] = .string(reason)
        object["probability"] = number(probability)
        object["none_probability"] = number(noneProbability)
        object["margin"] = number(margin)
        object["threshold"] = number(threshold)
        object["text"] = .string(text)
        if let original { object["original"] = .string(original) }
        object["candidates"] = .array(candidates.map(\.json))
        object["encoder"] = .string(encoder)
        object["timings_us"] = [
            "tokenize": rounded(timings.tokenizeMicroseconds, 10), "embed": rounded(timings.embedMicroseconds, 10),
            "search": rounded(timings.searchMicroseconds, 10), "total": rounded(timings.totalMicroseconds, 10),
        ]
        notes.add(to: &object)
        return .object(object)
    }
}

extension RouteDecision.Candidate {
    var json: JSONValue {
        [
            "adapter": .string(adapter), "probability": rounded(probability, 1e4), "score": rounded(Double(score), 1e4),
            "threshold": rounded(threshold, 1e4),
            "nearest": .array(nearest.map { ["text": .string($0.text), "similarity": rounded(Double($0.similarity), 1e4)] }),
        ]
    }
}

private func number(_ value: Double?) -> JSONValue { value.map { rounded($0, 1e4) } ?? .null }

private func rounded(_ value: Double, _ scale: Double) -> JSONValue {
    .number((value * scale).rounded() / scale)
}
