/// The keys that clients must show; none means that everybody may use the service.
public struct APIKeys: Sendable {
    public enum Access: Sendable, Equatable {
        case user, admin
    }

    private var keys: [(key: [UInt8], access: Access)]

    public init(users: [String] = [], admins: [String] = []) {
        keys = users.map { (Array($0.utf8), .user) } + admins.map { (Array($0.utf8), .admin) }
    }

    /// A key file: one key a line; `admin:` before it lets it manage adapters; empty lines and `#` comments are skipped.
    public init(file text: String) {
        var users: [String] = []
        var admins: [String] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard let first = words.first, first.first != "#" else { continue }
            if first.hasPrefix("admin:") {
                // A space after the colon is forgiven.
                let key = first.dropFirst("admin:".count)
                if let key = key.isEmpty ? words.dropFirst().first : key { admins.append(String(key)) }
            } else {
                users.append(String(first))
            }
        }
        self.init(users: users, admins: admins)
    }

    public var isEmpty: Bool { keys.isEmpty }
    public var count: Int { keys.count }

    /// What `Authorization` allows. Without keys everybody is an admin.
    func access(authorization: String?) throws(APIError) -> Access {
        guard !isEmpty else { return .admin }
        guard let authorization, !authorization.isEmpty else {
            throw APIError(.missingAPIKey, "No API key was given; send it as `Authorization: Bearer <key>`.")
        }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw APIError(.missingAPIKey, "Expected the header `Authorization: Bearer <key>`.")
        }
        let given = Array(parts[1].utf8)
        var access: Access?
        // All keys are compared whole, so that the time tells nothing about them.
        for (key, keyAccess) in keys where Self.equal(key, given) {
            if access != .admin { access = keyAccess }
        }
        guard let access else { throw APIError(.invalidAPIKey, "Incorrect API key provided.") }
        return access
    }

    private static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        var difference = UInt8(left.count == right.count ? 0 : 1)
        for index in right.indices { difference |= right[index] ^ (index < left.count ? left[index] : 0) }
        return difference == 0
    }
}
