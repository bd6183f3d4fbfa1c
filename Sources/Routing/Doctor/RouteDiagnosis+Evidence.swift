import JSON

extension RouteDiagnosis {
    /// An example that shows what a diagnosis says, with the figures it is based on.
    public struct Evidence: Sendable, Equatable {
        public var text: String
        /// Scores of its own adapter and of the best other one by rules that were not trained on the text: near 1 for "mine", near 0 for "not
        /// mine".
        public var own: Double?
        public var rival: Rival?
        /// The most similar text, and the cosine.
        public var nearest: Nearest?

        public struct Rival: Sendable, Equatable {
            public var adapter: String
            public var score: Double
        }

        public struct Nearest: Sendable, Equatable {
            public var text: String
            public var similarity: Double
        }

        public init(_ text: String, own: Double? = nil, rival: Rival? = nil, nearest: Nearest? = nil) {
            self.text = text
            self.own = own
            self.rival = rival
            self.nearest = nearest
        }

        var json: JSONValue {
            func number(_ value: Double) -> JSONValue { .number((value * 1000).rounded() / 1000) }
            return [
                "text": .string(text), "score": own.map(number) ?? .null,
                "other": rival.map { ["adapter": .string($0.adapter), "score": number($0.score)] } ?? .null,
                "nearest": nearest.map { ["text": .string($0.text), "similarity": number($0.similarity)] } ?? .null,
            ]
        }
    }
}
