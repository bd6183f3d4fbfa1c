import Foundation
import TestSupport

@testable import Memory

/// A store in a temporary folder with small vectors, and facts for it that are told apart by a number.
final class StoreFixture: Sendable {
    static let identity = StoreIdentity(base: "base", encoder: "encoder", site: 27, hidden: 4, dimension: 8)

    let folder: TemporaryFolder
    /// The store's own folder.
    var path: String { folder.place("store") }

    init() throws { folder = try TemporaryFolder() }

    func open(_ limits: StoreLimits = StoreLimits()) throws -> MemoryStore {
        try MemoryStore(path, identity: Self.identity, limits: limits)
    }

    func reopened() throws -> [Fact.ID: FactRecord] { try Self.records(try open().snapshot) }

    /// All elements depend on the number; it has `number % 3` other wordings and `number % 5 + 1` experts.
    static func record(_ number: Int, id: Fact.ID = 0, identity: StoreIdentity = identity) -> FactRecord {
        let wordings = (0..<number % 3).map { "What is number \(number), asked otherwise (\($0))?" }
        let fact = Fact(
            id: id, question: "What is number \(number)?", wordings: wordings, answer: "It is \(number), ✓",
            source: number % 2 == 0 ? "table \(number)" : nil, created: 1_700_000_000 + Int64(number))
        let keys = (0...wordings.count).map { key(number + $0, pieces: (number + $0) % 4, identity.dimension) }
        let count = number % 5 + 1
        let inner = (0..<count * identity.hidden).map { UInt16(truncatingIfNeeded: number &* 31 &+ $0) }
        return FactRecord(
            fact: fact, keys: keys,
            experts: FactExperts(
                site: identity.site, hidden: identity.hidden, inner: inner, offsets: (0..<count).map { Float(number) + Float($0) / 8 },
                outer: inner.map { ~$0 }))
    }

    static func key(_ number: Int, pieces: Int, _ dimension: Int) -> FactKey {
        let vector = (0..<dimension).map { Int8(truncatingIfNeeded: number &* 7 &+ $0) }
        return FactKey(
            sentence: vector, scale: Float(number) / 64,
            pieces: .init(
                tokens: (0..<pieces).map { Int32(number + $0) }, words: (0..<pieces).map { UInt16($0 / 2) },
                scales: (0..<pieces).map { 1 / Float($0 + 1) },
                vectors: (0..<pieces * dimension).map { Int8(truncatingIfNeeded: number &+ $0) }))
    }

    static func records(_ snapshot: MemorySnapshot) throws -> [Fact.ID: FactRecord] {
        var records: [Fact.ID: FactRecord] = [:]
        for id in snapshot.ids { records[id] = try snapshot.record(id) }
        return records
    }

    /// The rows of the table of keys, by fact: the vectors in the order of the wordings.
    static func rows(_ table: FactKeyTable) -> [Fact.ID: [FactKey]] {
        var rows: [Fact.ID: [FactKey]] = [:]
        for index in 0..<table.chunkCount {
            let chunk = table[chunk: index]
            for row in 0..<chunk.count {
                let vector = Array(chunk.vectors[row * chunk.dimension..<(row + 1) * chunk.dimension])
                rows[chunk.facts[row], default: []].append(FactKey(sentence: vector, scale: chunk.scales[row]))
            }
        }
        return rows
    }

    /// What the table of keys must hold for these facts.
    static func rows(_ records: [Fact.ID: FactRecord]) -> [Fact.ID: [FactKey]] {
        records.mapValues { record in record.keys.map { FactKey(sentence: $0.sentence, scale: $0.scale) } }
    }

    /// Bytes of a file of the store.
    func bytes(_ name: String) throws -> [UInt8] { try folder.read("store/\(name)") }

    func write(_ bytes: [UInt8], _ name: String) throws { try folder.write(bytes, to: "store/\(name)") }

    var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }

    static func failure(_ body: () throws -> Void) -> MemoryError? {
        do {
            try body()
            return nil
        } catch {
            return error as? MemoryError
        }
    }
}

extension FactRecord {
    func with(id: Fact.ID) -> FactRecord {
        var record = self
        record.fact.id = id
        return record
    }
}
