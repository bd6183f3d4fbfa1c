/// Who asks, as far as rules about adapters look at it.
public struct Caller: Sendable, Equatable {
    /// The name of the API key; nil without keys, and for a key that has none.
    public var key: String?
    /// Fields of the request by lower-case name, without credentials. A client writes what it likes into them, unless a
    /// proxy in front sets them.
    public var headers: [String: [String]]
    /// Somebody at the command line, whom no rule concerns.
    public var isOperator: Bool

    public init(key: String? = nil, headers: [String: [String]] = [:], isOperator: Bool = false) {
        self.key = key
        self.headers = headers
        self.isOperator = isOperator
    }

    public static let `operator` = Caller(isOperator: true)
}
