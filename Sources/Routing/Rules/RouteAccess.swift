public import Generation

/// Which callers may use an adapter, routed or by name: the keys `allow` and `deny` of a route file.
///
/// A caller must meet every condition of `allow` and none of `deny`, so an additional condition never admits more callers. A key without
/// a name, and a caller of a service without keys, meet no condition on keys. A caller that sends a header of a rule more than once is
/// refused: a proxy may have added the value that counts, and the client the other one.
public struct RouteAccess: Sendable, Equatable {
    public struct Clause: Sendable, Equatable {
        /// Names of API keys, one of which it must be; nil is no condition.
        public var keys: Set<String>?
        /// By lower-case name of the header: the values, one of which it must have; `*` takes any.
        public var headers: [String: Set<String>]

        public init(keys: Set<String>? = nil, headers: [String: Set<String>] = [:]) {
            self.keys = keys
            self.headers = headers
        }

        /// For each condition whether it holds.
        fileprivate func conditions(_ caller: Caller) -> [Bool] {
            let named = keys.map { keys in caller.key.map(keys.contains) ?? false }
            return (named.map { [$0] } ?? []) + headers.map { name, values in values.contains { Self.holds($0, caller.headers[name] ?? []) } }
        }

        /// Byte by byte: other spellings of the same characters are other values.
        private static func holds(_ value: String, _ sent: [String]) -> Bool {
            value == "*" ? !sent.isEmpty : sent.contains { TextScan.areEqual($0, value) }
        }

        /// Whether a header of the clause came several times: as several lines, or joined by a proxy into one line with commas.
        fileprivate func isAmbiguous(_ caller: Caller) -> Bool {
            headers.contains { name, values in
                let sent = caller.headers[name] ?? []
                guard sent.count < 2 else { return true }
                guard !values.contains("*"), let one = sent.first, one.utf8.contains(UInt8(ascii: ",")) else { return false }
                return !values.contains { TextScan.areEqual($0, one) }
            }
        }
    }

    public var allow: Clause?
    public var deny: Clause?

    public init(allow: Clause? = nil, deny: Clause? = nil) {
        self.allow = allow
        self.deny = deny
    }

    /// No rule: every caller may use the adapter.
    public static let open = RouteAccess()
    /// No caller may: no key is in an empty set.
    public static let closed = RouteAccess(allow: Clause(keys: []))

    func names(header: String) -> Bool { allow?.headers[header] != nil || deny?.headers[header] != nil }

    public func admits(_ caller: Caller) -> Bool {
        if caller.isOperator { return true }
        if [allow, deny].contains(where: { $0?.isAmbiguous(caller) == true }) { return false }
        if let deny, deny.conditions(caller).contains(true) { return false }
        return allow?.conditions(caller).allSatisfy { $0 } ?? true
    }
}
