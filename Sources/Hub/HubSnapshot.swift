/// A repository's files at a commit, as they lie in the cache.
public struct HubSnapshot: Sendable {
    public var reference: HubReference
    public var commit: String
    /// The folder of links, `…/snapshots/COMMIT`.
    public var folder: String
    /// What a model or an adapter is opened by: the folder, or the one file that was asked for.
    public var path: String
    public var isAdapter: Bool
    public var files: [HubFile]
    /// Bytes of those that were fetched now.
    public var fetchedBytes: Int
    public var fetchedFiles: Int
    public var card: ModelCard

    public var byteCount: Int { files.reduce(0) { $0 + $1.size } }
}
