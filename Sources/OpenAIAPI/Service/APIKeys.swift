/// The keys that clients must show; none means that everybody may use the service.
public struct APIKeys: Sendable {
    public enum Access: Sendable, Equatable {
        case user, admin
    }

    /// Whose key it is.
    public struct Holder: Sendable, Equatable {
        public var access: Access
        /// For rules about who may use which adapter; nil for a key without a name.
        public var name: String?

        public init(_ access: Access, name: String? = nil) {
            self.access = access
            self.name = name
        }
    }

    private var keys: [(key: [UInt8], holder: Holder)]

    public init(users: [String] = [], admins: [String] = []) {
        keys = users.map { (Array($0.utf8), Holder(.user)) } + admins.map { (Array($0.utf8), Holder(.admin)) }
    }

    /// A key file: one key a line, or `name:key`; `admin:` before it lets it manage adapters; empty lines and `#` comments are
    /// skipped. What stands before the last colon is the name: a key has none in it.
    public init(file text: String) {
        keys = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, first.first != "#" else { continue }
            // A space after the colon is forgiven.
            let entry = first.last == ":" ? "\(first)\(words.dropFirst().first ?? "")" : String(first)
            if entry.hasPrefix("admin:") {
                add(entry.dropFirst("admin:".count), .admin, else: "admin")
            } else {
                add(entry[...], .user, else: nil)
            }
        }
    }

    private mutating func add(_ entry: Substring, _ access: Access, else name: String?) {
        let colon = entry.lastIndex(of: ":")
        let key = colon.map { entry[entry.index(after: $0)...] } ?? entry
        guard !key.isEmpty else { return }
        let own = colon.map { String(entry[..<$0]) }.flatMap { $0.isEmpty ? nil : $0 }
        keys.append((Array(key.utf8), Holder(access, name: own ?? name)))
    }

    public var isEmpty: Bool { keys.isEmpty }
    public var count: Int { keys.count }

    /// Whom `Authorization` shows. Without keys everybody is a nameless admin.
    func holder(authorization: String?) throws(APIError) -> Holder {
        guard !isEmpty else { return Holder(.admin) }
        guard let authorization, !authorization.isEmpty else {
            throw APIError(.missingAPIKey, "No API key was given; send it as `Authorization: Bearer <key>`.")
        }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw APIError(.missingAPIKey, "Expected the header `Authorization: Bearer <key>`.")
        }
        let given = Array(parts[1].utf8)
        var found: Holder?
        // All keys are compared whole, so that the time tells nothing about them.
        for (key, holder) in keys where Self.equal(key, given) {
            if found?.access != .admin { found = holder }
        }
        guard let found else { throw APIError(.invalidAPIKey, "Incorrect API key provided.") }
        return found
    }

    private static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        var difference = UInt8(left.count == right.count ? 0 : 1)
        for index in right.indices { difference |= right[index] ^ (index < left.count ? left[index] : 0) }
        return difference == 0
    }
}
