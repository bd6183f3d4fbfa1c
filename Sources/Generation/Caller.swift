/// What access rules know of the sender of a request.
public struct Caller: Sendable, Equatable {
    /// The name of the API key; nil without keys, and for a key that has none.
    public var key: String?
    /// Fields of the request by lower-case name, without credentials. A client can write anything into them, unless a proxy in
    /// front of the server sets them.
    public var headers: [String: [String]]
    /// The operator at the command line: no rule applies.
    public var isOperator: Bool

    public init(key: String? = nil, headers: [String: [String]] = [:], isOperator: Bool = false) {
        self.key = key
        self.headers = headers
        self.isOperator = isOperator
    }

    public static let `operator` = Caller(isOperator: true)
}
