import JSON

/// A finding about an adapter's routing data that its owner should know.
public struct RouteDiagnosis: Sendable, Equatable {
    public enum Severity: String, Sendable, Comparable {
        case error, warning, note

        public static func < (one: Severity, other: Severity) -> Bool { one.order < other.order }
        private var order: Int { self == .error ? 0 : self == .warning ? 1 : 2 }
    }

    public enum Kind: String, Sendable {
        /// Its files cannot be read, or a rule names an adapter that does not exist.
        case unreadable, rule
        case noExamples = "no_examples"
        case fewExamples = "few_examples"
        /// The same text is an example of two adapters.
        case sharedExample = "shared_example"
        /// Nearly the same text is an example of two adapters.
        case nearlyShared = "nearly_shared"
        /// Many examples of one adapter are nearly the same.
        case repetition
        /// The examples of two adapters are nearly the same.
        case alike
        /// Most of its examples would go to another adapter.
        case shadowed
        /// An example that seems to be another adapter's.
        case mislabelled
        /// An example that is similar to no other.
        case stray
        /// An example that the encoder does not read to its end.
        case long
        /// A threshold that its own examples hardly reach, or one that refuses nothing.
        case threshold
    }

    public var severity: Severity
    public var kind: Kind
    public var adapter: String
    /// The other adapter that it concerns.
    public var other: String?
    /// A sentence for a person.
    public var message: String
    /// What to do.
    public var advice: String
    /// All examples that show it, the clearest first.
    public var evidence: [Evidence] = []

    public var texts: [String] { evidence.map(\.text) }

    public init(
        _ severity: Severity, _ kind: Kind, _ adapter: String, other: String? = nil, _ message: String, advice: String,
        evidence: [Evidence] = []
    ) {
        self.severity = severity
        self.kind = kind
        self.adapter = adapter
        self.other = other
        self.message = message
        self.advice = advice
        self.evidence = evidence
    }

    public var json: JSONValue {
        [
            "severity": .string(severity.rawValue), "kind": .string(kind.rawValue), "adapter": .string(adapter),
            "other": other.map(JSONValue.string) ?? .null, "message": .string(message), "advice": .string(advice),
            "evidence": .array(evidence.map(\.json)),
        ]
    }

    /// Errors first, then by adapter.
    public static func isBefore(_ one: RouteDiagnosis, _ other: RouteDiagnosis) -> Bool {
        (one.severity, one.adapter, one.kind.rawValue, one.message) < (other.severity, other.adapter, other.kind.rawValue, other.message)
    }
}
