internal import Yams

/// The keys of a route file that say which callers may use the adapter and how its requests are handled.
extension RouteYAML {
    struct Handling: Equatable {
        var allow: RouteAccess.Clause?
        var deny: RouteAccess.Clause?
        var canary: RouteHandling.Canary?
        var timeoutMilliseconds: Int?
        var defaultAdapter: String?

        static let keys = ["allow", "deny", "canary", "timeout_ms", "default_adapter"]

        /// These keys, and those of `other` that are not given here: the operator's file overrides the adapter's own, key by key.
        func over(_ other: Handling) -> Handling {
            Handling(
                allow: allow ?? other.allow, deny: deny ?? other.deny, canary: canary ?? other.canary,
                timeoutMilliseconds: timeoutMilliseconds ?? other.timeoutMilliseconds,
                defaultAdapter: defaultAdapter ?? other.defaultAdapter)
        }

        var handling: RouteHandling {
            RouteHandling(
                access: RouteAccess(allow: allow, deny: deny), canary: canary, timeoutMilliseconds: timeoutMilliseconds,
                defaultAdapter: defaultAdapter)
        }

        /// Returns false for a key that is none of these.
        mutating func read(_ key: String, _ node: Node, _ place: String) throws(RoutingError) -> Bool {
            switch key {
            case "allow": allow = try Self.clause(node, key, place)
            case "deny": deny = try Self.clause(node, key, place)
            case "canary": canary = try Self.canary(node, place)
            case "timeout_ms":
                guard let value = node.int, (1...86_400_000).contains(value) else {
                    throw RoutingError(.malformedFile, "`timeout_ms` must be a number of milliseconds from 1 to 86400000", place: place)
                }
                timeoutMilliseconds = value
            case "default_adapter": defaultAdapter = try Self.name(node, key, place)
            default: return false
            }
            return true
        }

        /// `{keys: [team-a], headers: {x-tenant: [a, b]}}`; a list, or one text, is names of keys.
        private static func clause(_ node: Node, _ key: String, _ place: String) throws(RoutingError) -> RouteAccess.Clause {
            guard let mapping = node.mapping else {
                return RouteAccess.Clause(keys: try texts(node, "`\(key)` must have `keys` or `headers`, or be a list of names of keys", place))
            }
            var clause = RouteAccess.Clause()
            for (name, value) in mapping {
                switch name.string {
                case "keys": clause.keys = try texts(value, "`\(key).keys` must be a list of names of API keys", place)
                case "headers":
                    guard let headers = value.mapping else {
                        throw RoutingError(.malformedFile, "`\(key).headers` must be a mapping from a header's name to its values", place: place)
                    }
                    for (header, values) in headers {
                        let header = try Self.name(header, "\(key).headers", place).lowercased()
                        guard !["authorization", "cookie"].contains(header) else {
                            throw RoutingError(.malformedFile, "`\(key).headers` cannot look at \(header); name the API key instead", place: place)
                        }
                        clause.headers[header] = try texts(values, "`\(key).headers.\(header)` must be a list of values", place)
                    }
                default:
                    throw RoutingError(.malformedFile, "unknown key `\(key).\(name.string ?? "?")`; known are keys, headers", place: place)
                }
            }
            guard clause.keys != nil || !clause.headers.isEmpty else {
                throw RoutingError(.malformedFile, "`\(key)` names neither `keys` nor `headers`", place: place)
            }
            return clause
        }

        private static func canary(_ node: Node, _ place: String) throws(RoutingError) -> RouteHandling.Canary {
            let shape = "`canary` must be {adapter: NAME, weight: SHARE} with a share from 0 to 1"
            guard let mapping = node.mapping, let adapter = mapping["adapter"], let weight = mapping["weight"]?.float,
                (0...1).contains(weight), mapping.count == 2
            else { throw RoutingError(.malformedFile, shape, place: place) }
            return .init(adapter: try name(adapter, "canary.adapter", place), weight: weight)
        }

        private static func texts(_ node: Node, _ message: String, _ place: String) throws(RoutingError) -> Set<String> {
            guard let sequence = node.sequence else { return [try text(node, message, place)] }
            var texts: Set<String> = []
            for item in sequence { texts.insert(try text(item, message, place)) }
            return texts
        }

        /// Empty is refused: a key without a value is a slip, and `deny:` would deny no caller.
        private static func text(_ node: Node, _ message: String, _ place: String) throws(RoutingError) -> String {
            guard let text = node.scalar?.string, node.null == nil, !text.isEmpty else {
                throw RoutingError(.malformedFile, message, place: place)
            }
            return text
        }

        private static func name(_ node: Node, _ key: String, _ place: String) throws(RoutingError) -> String {
            guard let text = node.scalar?.string, !text.isEmpty else {
                throw RoutingError(.malformedFile, "`\(key)` must be a name", place: place)
            }
            return text
        }
    }
}
