public import Generation

/// The operator's rules for the adapters that are served, apart from their routing examples: one snapshot, a value.
public struct RouteRules: Sendable {
    /// Of every adapter that is served.
    public var served: [String: RouteHandling]
    /// Of every adapter with an access rule, served or not.
    public var restricted: [String: RouteAccess]
    /// What adapters are for, in their owners' words.
    public var descriptions: [String: String]

    public init(
        served: [String: RouteHandling] = [:], restricted: [String: RouteAccess] = [:], descriptions: [String: String] = [:]
    ) {
        self.served = served
        self.restricted = restricted
        self.descriptions = descriptions
    }

    /// Whether a caller may use an adapter. True for unknown names, so that a caller cannot tell them from forbidden ones by this.
    public func admits(_ caller: Caller, to adapter: String) -> Bool {
        isPossibleName(adapter) ? restricted[adapter]?.admits(caller) ?? true : true
    }

    /// A header that some adapter's access names and that the caller sent with several values: which of them counts would be a
    /// guess, and a client could add one to that of a proxy.
    public func repeatedHeader(of caller: Caller) -> String? {
        let repeated = caller.headers.filter { $0.value.count > 1 }.keys.sorted()
        guard !caller.isOperator, !repeated.isEmpty else { return nil }
        return repeated.first { name in restricted.values.contains { $0.names(header: name) } }
    }

    /// Whether an adapter is served, and for this caller.
    public func offers(_ adapter: String, to caller: Caller) -> Bool {
        isPossibleName(adapter) && served[adapter] != nil && admits(caller, to: adapter)
    }

    /// Names come from clients, and hashing a long one is quadratic in the worst case.
    private func isPossibleName(_ name: String) -> Bool { name.utf8.count <= RouteIndex.longestName }

    /// Whether a rule keeps some adapter from this caller.
    func restricts(_ caller: Caller) -> Bool { restricted.values.contains { !$0.admits(caller) } }
}
