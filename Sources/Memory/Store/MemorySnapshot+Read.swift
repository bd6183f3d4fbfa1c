extension MemorySnapshot {
    /// Reads a store that another process may be writing into, without its lock. Facts that are told afterwards are not in the snapshot, and
    /// one that is being written may be in it before it is acknowledged. Errors: `notFound`, `malformed`, `mismatched`, `unavailable`.
    public static func read(_ folder: String) throws(MemoryError) -> MemorySnapshot {
        // A compaction may delete a segment, or a failed write be cut off, between the manifest and the segment.
        for _ in 0..<3 {
            do throws(MemoryError) {
                return try readOnce(folder)
            } catch where error.code == .notFound || error.code == .malformed {
                continue
            }
        }
        return try readOnce(folder)
    }

    private static func readOnce(_ folder: String) throws(MemoryError) -> MemorySnapshot {
        guard let store = try StoreFolder.read(StoreFolder.open(folder), writable: false) else {
            throw MemoryError(.notFound, "no store: \(StoreManifest.name) is not there", place: folder)
        }
        return MemorySnapshot(contents: store.contents)
    }
}
