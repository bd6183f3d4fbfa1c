public import Generation

/// What the operator says of the adapters that are served, beside how to recognise their prompts: one snapshot, a value.
public struct RouteRules: Sendable {
    /// Of every adapter that is served.
    public var served: [String: RouteHandling]
    /// Where not everybody may use an adapter, served or not.
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

    /// True for names that are not known, too: that a name is not there is told as that a caller may not use it.
    public func admits(_ caller: Caller, to adapter: String) -> Bool { restricted[adapter]?.admits(caller) ?? true }

    /// Served, and for this caller.
    public func offers(_ adapter: String, to caller: Caller) -> Bool { served[adapter] != nil && admits(caller, to: adapter) }

    /// Some adapter is not for this caller.
    func restricts(_ caller: Caller) -> Bool { restricted.values.contains { !$0.admits(caller) } }
}
