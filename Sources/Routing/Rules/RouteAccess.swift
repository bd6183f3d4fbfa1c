public import Generation

/// Who may use an adapter, routed or by name: the keys `allow` and `deny` of a route file.
///
/// Of `allow` every condition that is named must hold, of `deny` one is enough: what is written more narrowly never opens
/// more. A key without a name, and a service without keys, meet no condition on keys.
public struct RouteAccess: Sendable, Equatable {
    public struct Clause: Sendable, Equatable {
        /// Names of API keys, one of which it must be; nil says nothing of keys.
        public var keys: Set<String>?
        /// By lower-case name of the header: the values, one of which it must have; `*` takes any.
        public var headers: [String: Set<String>]

        public init(keys: Set<String>? = nil, headers: [String: Set<String>] = [:]) {
            self.keys = keys
            self.headers = headers
        }

        /// For each condition whether it holds.
        func conditions(_ caller: Caller) -> [Bool] {
            let named = keys.map { keys in caller.key.map(keys.contains) ?? false }
            return (named.map { [$0] } ?? [])
                + headers.map { name, values in
                    (caller.headers[name] ?? []).contains { values.contains("*") || values.contains($0) }
                }
        }
    }

    public var allow: Clause?
    public var deny: Clause?

    public init(allow: Clause? = nil, deny: Clause? = nil) {
        self.allow = allow
        self.deny = deny
    }

    public static let everyone = RouteAccess()
    /// No key is in an empty set.
    public static let nobody = RouteAccess(allow: Clause(keys: []))

    func names(header: String) -> Bool { allow?.headers[header] != nil || deny?.headers[header] != nil }

    public func admits(_ caller: Caller) -> Bool {
        if caller.isOperator { return true }
        if let deny, deny.conditions(caller).contains(true) { return false }
        return allow?.conditions(caller).allSatisfy { $0 } ?? true
    }
}
