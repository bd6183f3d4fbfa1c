/// One file of a repository at a commit.
public struct HubFile: Sendable, Hashable {
    /// Its path in the repository, with `/`.
    public var name: String
    /// Bytes.
    public var size: Int
    /// What its content is named by in the cache: its SHA-256 for a large file, the SHA-1 of git's blob for a small one. Empty for a file
    /// that lies in the cache already.
    public var hash: String

    public init(name: String, size: Int, hash: String = "") {
        self.name = name
        self.size = size
        self.hash = hash
    }

    /// The last component of the path.
    var leaf: Substring { name.split(separator: "/").last ?? name[...] }
    /// Whether it lies in no folder.
    var isTop: Bool { !name.utf8.contains(UInt8(ascii: "/")) }
}
