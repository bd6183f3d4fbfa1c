/// What a route file says of an adapter beside how to recognise its prompts: who may use it, and how its requests go on.
/// Nothing of it changes the router's index.
public struct RouteHandling: Sendable, Equatable {
    /// A share of what is routed to an adapter goes to another version of it.
    public struct Canary: Sendable, Equatable {
        public var adapter: String
        /// 0...1
        public var weight: Double

        public init(adapter: String, weight: Double) {
            self.adapter = adapter
            self.weight = weight
        }
    }

    public var access: RouteAccess
    public var canary: Canary?
    /// For the whole answer, from the request's arrival.
    public var timeoutMilliseconds: Int?
    /// Answers when this adapter is the best one and not probable enough; `base` is the base, nil leaves it to the setting.
    public var defaultAdapter: String?

    public init(
        access: RouteAccess = .open, canary: Canary? = nil, timeoutMilliseconds: Int? = nil, defaultAdapter: String? = nil
    ) {
        self.access = access
        self.canary = canary
        self.timeoutMilliseconds = timeoutMilliseconds
        self.defaultAdapter = defaultAdapter
    }
}
