/// The rules for a folder's name, which is also the model's name in the API.
///
/// 1 to 64 ASCII letters, digits, `.`, `_` or `-`; does not begin with a dot or a hyphen, does not end in `.partial`,
/// and is not one of the reserved names, in any case. Such a name is a single path component that cannot lead out of a folder.
public enum AdapterName {
    /// Names that clients use for something else.
    public static let reserved: Set<String> = ["base", "auto", "lmoe", "encoder"]

    /// Throws `invalidName` with the rule that the name breaks.
    public static func check(_ name: String) throws(AdapterError) {
        if let broken = brokenRule(name) {
            throw AdapterError(.invalidName, "\(quoted(name)) cannot name an adapter: \(broken)")
        }
    }

    public static func isValid(_ name: String) -> Bool { brokenRule(name) == nil }

    /// Names that a scan does not look at and does not report: `.partial-NAME`, `.git`, …
    static func isHidden(_ name: String) -> Bool { name.utf8.first == UInt8(ascii: ".") }

    private static func brokenRule(_ name: String) -> String? {
        let bytes = name.utf8
        guard (1...64).contains(bytes.count) else { return "it has to have 1 to 64 characters" }
        guard bytes.allSatisfy(isAllowed) else { return "only letters, digits, '.', '_' and '-' are allowed" }
        if bytes.first == UInt8(ascii: ".") || bytes.first == UInt8(ascii: "-") {
            return "it must not begin with a dot or a hyphen"
        }
        if name.lowercased().hasSuffix(".partial") { return "'.partial' marks a folder that is still being copied" }
        if reserved.contains(name.lowercased()) { return "the name is reserved" }
        return nil
    }

    static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
