internal import Files

/// A repository of models on a hub: `ORG/NAME`, or `NAME` alone for a few old ones.
public struct HubRepository: Sendable, Hashable, CustomStringConvertible {
    public let id: String

    public var description: String { id }
    /// Without the owner.
    public var name: String { id.split(separator: "/").last.map(String.init) ?? id }
    /// Its folder in the cache.
    public var folderName: String { "models--" + id.replacing("/", with: "--") }

    /// The hub's rules. Errors: `invalid`.
    public init(_ id: String) throws(HubError) {
        let parts = id.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), (1...96).contains(id.utf8.count), parts.allSatisfy(Self.isName) else {
            throw HubError(.invalid, "expected ORG/NAME of letters, digits, `-`, `_` and `.`, found `\(HubError.shown(id))`")
        }
        guard !id.contains("--"), !id.contains(".."), !id.hasSuffix(".git") else {
            throw HubError(.invalid, "`\(id)` cannot name a repository: `--`, `..` and a final `.git` are not allowed")
        }
        self.id = id
    }

    /// Of a path in a hub's cache, `…/models--ORG--NAME/snapshots/…`; nil for any other.
    public init?(cachedAt path: String) {
        let parts = path.split(separator: "/")
        guard let place = parts.lastIndex(of: "snapshots"), place > 0, parts[place - 1].hasPrefix("models--") else { return nil }
        do throws(HubError) {
            self = try HubRepository(String(parts[place - 1].dropFirst("models--".count)).replacing("--", with: "/"))
        } catch {
            return nil
        }
    }

    private static func isName(_ part: Substring) -> Bool {
        guard let first = part.utf8.first, let last = part.utf8.last else { return false }
        let isEdge = { (byte: UInt8) in byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") }
        return !isEdge(first) && !isEdge(last) && part.utf8.allSatisfy(Self.isAllowed)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

/// What a person asks for: `hf:ORG/NAME[@REV][:FILE]`.
public struct HubReference: Sendable, Hashable, CustomStringConvertible {
    public static let prefix = "hf:"

    public let repository: HubRepository
    /// A branch, a tag or a commit.
    public let revision: String
    /// A file of the repository, or a word in the name of one of its GGUF files such as `Q4_K_M`.
    public let file: String?

    public static func isReference(_ text: String) -> Bool { text.hasPrefix(prefix) }

    /// With or without `hf:`. Errors: `invalid`.
    public init(_ text: String) throws(HubError) {
        let rest = text.hasPrefix(Self.prefix) ? text.dropFirst(Self.prefix.count) : text[...]
        let (named, file) = Self.split(rest, at: ":")
        let (id, revision) = Self.split(named, at: "@")
        if let revision, !Self.isRevision(revision) {
            throw HubError(.invalid, "expected a branch, a tag or a commit after `@`, found `\(HubError.shown(String(revision)))`")
        }
        if let file { try Self.check(file: String(file)) }
        repository = try HubRepository(String(id))
        self.revision = revision.map(String.init) ?? "main"
        self.file = file.map(String.init)
    }

    public var description: String {
        Self.prefix + repository.id + (revision == "main" ? "" : "@\(revision)") + (file.map { ":\($0)" } ?? "")
    }

    private static func split(_ text: Substring, at mark: Character) -> (Substring, Substring?) {
        guard let place = text.firstIndex(of: mark) else { return (text, nil) }
        return (text[..<place], text[text.index(after: place)...])
    }

    private static func isRevision(_ text: Substring) -> Bool {
        guard (1...200).contains(text.utf8.count), text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else { return false }
        do throws(FileError) {
            try PathCheck.staysInside(String(text))
            return !text.split(separator: "/").contains { $0.hasPrefix(".") || $0.hasSuffix(".lock") }
        } catch {
            return false
        }
    }

    private static func check(file: String) throws(HubError) {
        do throws(FileError) {
            try PathCheck.staysInside(file)
        } catch {
            throw HubError(.invalid, "expected a file of the repository after `:`, found `\(HubError.shown(file))`: \(error.message)")
        }
    }
}

/// Names of commits and of contents, which are also names of files in the cache.
enum HexName {
    static func isCommit(_ text: some StringProtocol) -> Bool { isHex(text, digits: 40) }
    static func isSHA256(_ text: some StringProtocol) -> Bool { isHex(text, digits: 64) }

    private static func isHex(_ text: some StringProtocol, digits: Int) -> Bool {
        text.utf8.count == digits
            && text.utf8.allSatisfy { ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")) || ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "f")) }
    }
}
