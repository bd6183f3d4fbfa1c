internal import Yams

/// Whether a route file that was refused is about access.
enum AccessSpeech: Sendable, Equatable {
    /// The whole file could be parsed, and no key of it is an access rule or looks like a misspelt one.
    case silent
    /// A key or, where the file is no YAML, a word of it is about access.
    case speaks
    /// It is empty, cut off, no YAML, or could not be read: it may say anything.
    case unknown

    init(of text: String) {
        guard let mapping = try? RouteYAML.compose(text)?.mapping else {
            self = TextScan.contains(text, "allow") || TextScan.contains(text, "deny") ? .speaks : .unknown
            return
        }
        self = mapping.contains { key, _ in key.scalar.map { Self.isAboutAccess($0.string) } ?? true } ? .speaks : .silent
    }

    private static let exact: Set<String> = ["keys", "key", "headers", "header", "acl"]
    private static let parts = ["allow", "deny", "denied", "access", "permit", "restrict", "forbid"]

    /// Also for what looks like a misspelt `allow` or `deny`.
    static func isAboutAccess(_ key: String) -> Bool {
        let key = key.lowercased()
        guard key.utf8.count <= 64 else { return false }
        if exact.contains(key) || parts.contains(where: { TextScan.contains(key, $0) }) { return true }
        return ["allow", "deny"].contains { isOneEdit(Array(key.utf8), Array($0.utf8)) }
    }

    /// Whether one becomes the other by one letter more, less or replaced, or by two neighbours swapped.
    private static func isOneEdit(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        let start = zip(one, other).prefix { $0 == $1 }.count
        var (left, right) = (one[start...], other[start...])
        while let last = left.last, last == right.last {
            left.removeLast()
            right.removeLast()
        }
        if left.count <= 1, right.count <= 1 { return true }
        return left.count == 2 && right.count == 2 && left.elementsEqual(right.reversed())
    }
}
