/// The sentence vectors of all keys of all facts, for the scan that finds the nearest facts. A value: copies share their chunks.
///
/// Chunks are in no particular order, and some may be empty. To add or remove a fact copies one chunk, whatever the number of facts.
public struct FactKeyTable: Sendable {
    public let dimension: Int
    /// Keys of all facts.
    public private(set) var count = 0
    /// Chunks, the empty ones too.
    public private(set) var chunkCount = 0
    private var chunks = IndexTree<FactKeyChunk>()

    public init(dimension: Int) {
        precondition(dimension > 0, "vectors have a dimension")
        self.dimension = dimension
    }

    /// Of `0 ..< chunkCount`: threads share a scan by it. Cost: O(log chunks), no copy of rows.
    public subscript(chunk index: Int) -> FactKeyChunk {
        precondition((0..<chunkCount).contains(index), "chunk \(index) of \(chunkCount)")
        return chunks[UInt64(index)] ?? FactKeyChunk(dimension: dimension)
    }

    /// Adds the keys of a fact that has none here, at most 256, to a chunk with room: the preferred one, else the last, else a new one.
    /// Returns the number of the chunk.
    @discardableResult
    public mutating func insert(_ keys: [FactKey], of fact: Fact.ID, preferring preferred: Int? = nil) -> Int {
        insert(fact, count: keys.count, preferring: preferred) { chunk in
            for (wording, key) in keys.enumerated() { chunk.append(fact, wording: wording, scale: key.scale, vector: key.sentence) }
        }
    }

    /// The same with rows that `append` adds.
    mutating func insert(_ fact: Fact.ID, count rows: Int, preferring preferred: Int?, append: (inout FactKeyChunk) -> Void) -> Int {
        precondition(rows <= FactKeyChunk.capacity, "a fact has at most \(FactKeyChunk.capacity) keys")
        let place = [preferred, chunkCount - 1].compactMap { $0 }.first { (0..<chunkCount).contains($0) && room(in: $0) >= rows } ?? chunkCount
        chunkCount = max(chunkCount, place + 1)
        count += rows
        let dimension = dimension
        chunks.update(UInt64(place)) { chunk in
            var changed = chunk ?? FactKeyChunk(dimension: dimension)
            chunk = nil
            append(&changed)
            chunk = changed
        }
        return place
    }

    /// Removes the keys of a fact from the chunk that `insert` named.
    public mutating func remove(_ fact: Fact.ID, chunk index: Int) {
        let removed = chunks.update(UInt64(index)) { chunk in
            guard var changed = chunk else { return 0 }
            chunk = nil
            let removed = changed.remove(fact)
            if changed.count > 0 { chunk = changed }
            return removed
        }
        count -= removed
    }

    /// Rows that a chunk can still take.
    func room(in chunk: Int) -> Int { FactKeyChunk.capacity - (chunks[UInt64(chunk)]?.count ?? 0) }

    func nodesNotShared(with other: Self) -> Int { chunks.nodesNotShared(with: other.chunks) }
}
