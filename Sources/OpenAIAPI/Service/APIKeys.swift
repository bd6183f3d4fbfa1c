import HTTP

/// The keys that clients must show; without keys everyone may use the service.
public struct APIKeys: Sendable {
    public enum Access: Sendable, Equatable {
        case user, admin
    }

    /// What a key stands for.
    public struct Holder: Sendable, Equatable {
        public var access: Access
        /// For rules about who may use which adapter; nil for a key without a name.
        public var name: String?

        public init(_ access: Access, name: String? = nil) {
            self.access = access
            self.name = name
        }
    }

    /// A line of a key file that cannot be read. The message never holds a key.
    public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
        public var line: Int
        public var message: String
        public var description: String { "line \(line): \(message)" }
    }

    /// Header fields that carry keys, `Authorization` apart.
    static let headerNames: Set = ["x-api-key", "api-key"]

    private var keys: [(key: [UInt8], holder: Holder)]

    public init(users: [String] = [], admins: [String] = []) {
        keys = users.map { (Array($0.utf8), Holder(.user)) } + admins.map { (Array($0.utf8), Holder(.admin)) }
    }

    /// A key file: one key a line, or `name:key`; `admin:` before it lets it manage adapters. Empty lines and lines that begin
    /// with `#` are skipped. Only a line feed ends a line, with or without a carriage return before it. The name ends at the last colon: a
    /// key has none in it. Spaces and tabs may surround an entry and follow that colon; any other white space or control character is an
    /// error, as is a key that stands there twice.
    public init(file text: String) throws(FileError) {
        keys = []
        let text = text.unicodeScalars.first == "\u{FEFF}" ? String(text.unicodeScalars.dropFirst()) : text
        var lines: [[UInt8]: Int] = [:]
        for (index, line) in text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.last == "\r" ? line.dropLast() : line
            let words = line.split { $0 == " " || $0 == "\t" }.map { Substring($0) }
            guard let first = words.first, first.unicodeScalars.first != "#" else { continue }
            let (key, holder) = try Self.read(words, line: index + 1)
            if let other = lines[key] { throw FileError(line: index + 1, message: "the same key as in line \(other)") }
            lines[key] = index + 1
            keys.append((key, holder))
        }
    }

    private static func read(_ words: [Substring], line: Int) throws(FileError) -> (key: [UInt8], holder: Holder) {
        guard words.allSatisfy({ $0.unicodeScalars.allSatisfy(Self.isPlain) }) else {
            throw FileError(line: line, message: "white space or a control character in it, which no key has")
        }
        guard words.count == 1 || (words.count == 2 && words[0].last == ":") else {
            throw FileError(
                line: line,
                message: "a space in it; expected KEY or NAME:KEY, with `admin:` before it for a key that manages adapters, and comments "
                    + "on lines of their own")
        }
        let entry = words.joined()
        let isAdmin = entry.hasPrefix("admin:")
        let rest = isAdmin ? entry.dropFirst("admin:".count) : entry[...]
        let colon = rest.lastIndex(of: ":")
        let key = colon.map { rest[rest.index(after: $0)...] } ?? rest
        guard !key.isEmpty else { throw FileError(line: line, message: "there is no key behind the colon") }
        let name = colon.map { String(rest[..<$0]) }.flatMap { $0.isEmpty ? nil : $0 }
        return (Array(key.utf8), Holder(isAdmin ? .admin : .user, name: name ?? (isAdmin ? "admin" : nil)))
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        return !properties.isWhitespace && properties.generalCategory != .control
    }

    public var isEmpty: Bool { keys.isEmpty }
    public var count: Int { keys.count }

    /// The holder of the key in `Authorization`, `x-api-key` or `api-key`. Without keys everyone is an admin without a name.
    func holder(_ headers: HTTPHeaders) throws(APIError) -> Holder { try identify(headers).holder }

    /// The holder, and the number of the key.
    func identify(_ headers: HTTPHeaders) throws(APIError) -> (holder: Holder, key: Int?) {
        guard !isEmpty else { return (Holder(.admin), nil) }
        let given = try Self.key(headers)
        var found: (holder: Holder, key: Int?)?
        // All keys are compared whole, so that the time does not depend on the key.
        for (index, (key, holder)) in keys.enumerated() where Self.equal(key, given) {
            if found?.holder.access != .admin { found = (holder, index) }
        }
        guard let found else { throw APIError(.invalidAPIKey, "Incorrect API key provided.") }
        return found
    }

    /// Whose files and jobs the holder of a key may see. Keys of one name are one owner.
    func owner(_ holder: Holder, key: Int?) -> FineTuningOwner {
        guard let key, keys.indices.contains(key) else { return FineTuningOwner(.anyone, isAdmin: holder.access == .admin) }
        return FineTuningOwner(holder.name.map { .name($0) } ?? .key(keys[key].key), isAdmin: holder.access == .admin)
    }

    private static func key(_ headers: HTTPHeaders) throws(APIError) -> [UInt8] {
        let authorization = headers["Authorization"] ?? ""
        let words = authorization.utf8.split { $0 == 0x20 || $0 == 0x09 }
        if words.count == 2, words[0].count == 6, Substring(words[0]).lowercased() == "bearer" { return Array(words[1]) }
        for name in ["x-api-key", "api-key"] {
            if let value = headers[name], !value.isEmpty { return Array(value.utf8) }
        }
        throw APIError(
            .missingAPIKey,
            authorization.isEmpty
                ? "No API key was given; send it as `Authorization: Bearer <key>`."
                : "Expected the header `Authorization: Bearer <key>`.")
    }

    private static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        var difference = UInt8(left.count == right.count ? 0 : 1)
        for index in right.indices { difference |= right[index] ^ (index < left.count ? left[index] : 0) }
        return difference == 0
    }
}
