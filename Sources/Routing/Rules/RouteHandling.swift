/// The part of a route file that is not about recognising prompts: which callers may use the adapter, and how its requests are handled.
/// It does not change the router's index.
public struct RouteHandling: Sendable, Equatable {
    /// Another version of an adapter that gets a share of what is routed to it.
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
    /// The time limit of the whole answer, from the request's arrival.
    public var timeoutMilliseconds: Int?
    /// The adapter that answers when this one is the best candidate and not probable enough. `base` is the base; nil takes the setting.
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
