internal import Tensors

/// A key of a fact and its cosine with a vector.
public struct NearKey: Sendable, Equatable {
    public var fact: Fact.ID
    /// 0: the question; then the other wordings.
    public var wording: Int
    public var cosine: Float
}

/// Finds the facts whose keys are nearest to a vector, and keeps the memory that this takes. For one thread at a time.
///
/// Sketches of all keys choose `candidates` rows, then exact products of int8 rank them. Up to so many keys the result is that of a full
/// scan. Beyond, a fact is missed if so many sketches are nearer than its own: among 10,000 entity questions, of which hundreds differ in a
/// name only, the nearest fact was among the first 198 sketches in all of 4,600 requests, and the eighth among the first 743.
/// Cost: 48 bytes read a key, and 384 a candidate. It allocates only while tables grow.
struct NearestFacts {
    /// Rows that are compared exactly. With 100,000 entity questions the first eight were those of a full scan in all of 2,000 requests.
    static let candidates = 2048

    private var query: [UInt64] = []
    private var distances: [UInt16] = []
    /// Rows by distance.
    private var histogram: [Int32] = []
    /// Candidates of a chunk.
    private var picks = [Int32](repeating: 0, count: FactKeyChunk.capacity + 1)
    /// Of no meaning: it keeps the reads of `touch`.
    private var touched: Int8 = 0
    private(set) var found: [NearKey] = []

    /// Puts the nearest `count` facts into `found`, nearest first; equal cosines by id. Of a fact's keys the nearest one counts.
    /// `sentence`: `[table.dimension]`, times `scale`.
    mutating func find(_ sentence: [Int8], scale: Float, in table: FactKeyTable, count: Int) {
        precondition(sentence.count == table.dimension, "a vector of \(sentence.count) elements, keys of \(table.dimension)")
        found.removeAll(keepingCapacity: true)
        found.reserveCapacity(count + 1)
        guard count > 0, table.count > 0 else { return }
        let cut = measure(sentence, in: table)
        rank(sentence, scale: scale, in: table, cut: cut, count: count)
    }

    /// Which rows are candidates: those with a lesser distance, and the first `ties` with this distance.
    private struct Cut {
        var distance: UInt16
        var ties: Int
    }

    private mutating func measure(_ sentence: [Int8], in table: FactKeyTable) -> Cut {
        let words = KeySketch.words(table.dimension)
        query.removeAll(keepingCapacity: true)
        KeySketch.append(sentence, to: &query)
        if distances.count < table.count { distances = [UInt16](repeating: 0, count: max(table.count, 2 * distances.count)) }
        if histogram.count != 64 * words + 1 { histogram = [Int32](repeating: 0, count: 64 * words + 1) }
        guard table.count > Self.candidates else { return Cut(distance: .max, ties: 0) }
        count(in: table, words: words)
        var room = Self.candidates
        for (distance, rows) in histogram.enumerated() {
            if Int(rows) >= room { return Cut(distance: UInt16(distance), ties: room) }
            room -= Int(rows)
        }
        return Cut(distance: .max, ties: 0)
    }

    /// The distance of each row, and the number of rows at each distance.
    private mutating func count(in table: FactKeyTable, words: Int) {
        distances.withUnsafeMutableBufferPointer { distances in
            histogram.withUnsafeMutableBufferPointer { histogram in
                guard var out = distances.baseAddress, let rowsAt = histogram.baseAddress else { return }
                rowsAt.update(repeating: 0, count: histogram.count)
                for index in 0..<table.chunkCount {
                    let chunk = table[chunk: index]
                    query.withUnsafeBufferPointer { query in
                        chunk.sketches.withUnsafeBufferPointer { rows in
                            if let query = query.baseAddress, let rows = rows.baseAddress {
                                Kernels.hamming(query, rows, count: chunk.count, words: words, into: out)
                            }
                        }
                    }
                    for place in 0..<chunk.count { rowsAt[Int(out[place])] &+= 1 }
                    out += chunk.count
                }
            }
        }
    }

    private mutating func rank(_ sentence: [Int8], scale: Float, in table: FactKeyTable, cut: Cut, count: Int) {
        let dimension = table.dimension
        var (row, ties, least) = (0, cut.ties, -Float.infinity)
        for index in 0..<table.chunkCount {
            let chunk = table[chunk: index]
            let picked = pick(row..<row + chunk.count, cut, &ties)
            row += chunk.count
            sentence.withUnsafeBufferPointer { sentence in
                chunk.vectors.withUnsafeBufferPointer { vectors in
                    guard let sentence = sentence.baseAddress, let vectors = vectors.baseAddress else { return }
                    touch(vectors, rows: picked, dimension)
                    for number in 0..<picked {
                        let place = Int(picks[number])
                        let product = Kernels.dot(sentence, vectors + place * dimension, count: dimension)
                        let cosine = Float(product) * (scale * chunk.scales[place])
                        guard cosine >= least else { continue }
                        insert(NearKey(fact: chunk.facts[place], wording: Int(chunk.wordings[place]), cosine: cosine), count: count)
                        if found.count == count { least = found[count - 1].cosine }
                    }
                }
            }
        }
    }

    /// Reads a byte of each line of the picked rows. They lie apart, and so their lines come from memory together rather than row after
    /// row: the scan of 100,000 keys takes 15 % less time.
    private mutating func touch(_ vectors: UnsafePointer<Int8>, rows: Int, _ dimension: Int) {
        var sum: Int8 = 0
        for number in 0..<rows {
            let row = vectors + Int(picks[number]) * dimension
            for byte in stride(from: 0, to: dimension, by: 64) { sum &+= row[byte] }
        }
        touched = sum
    }

    /// Puts the places of a chunk's candidates into `picks`, and returns their number. `rows`: the chunk's.
    private mutating func pick(_ rows: Range<Int>, _ cut: Cut, _ ties: inout Int) -> Int {
        var picked = 0
        distances.withUnsafeBufferPointer { distances in
            picks.withUnsafeMutableBufferPointer { picks in
                if cut.distance == .max {
                    for place in 0..<rows.count { picks[place] = Int32(truncatingIfNeeded: place) }
                    picked = rows.count
                    return
                }
                // Without branches: what is written behind the last pick is written over.
                for place in 0..<rows.count {
                    picks[picked] = Int32(truncatingIfNeeded: place)
                    picked += distances[rows.lowerBound + place] <= cut.distance ? 1 : 0
                }
                let near = picked
                picked = 0
                for number in 0..<near {
                    let isTie = distances[rows.lowerBound + Int(picks[number])] == cut.distance
                    if isTie && ties == 0 { continue }
                    if isTie { ties -= 1 }
                    picks[picked] = picks[number]
                    picked += 1
                }
            }
        }
        return picked
    }

    private mutating func insert(_ key: NearKey, count: Int) {
        if let same = found.firstIndex(where: { $0.fact == key.fact }) {
            guard key.cosine > found[same].cosine else { return }
            found.remove(at: same)
        }
        let place = found.firstIndex { ($0.cosine, key.fact) < (key.cosine, $0.fact) } ?? found.count
        guard place < count else { return }
        found.insert(key, at: place)
        if found.count > count { found.removeLast() }
    }
}
