import Foundation
import TestSupport
import Testing

@testable import Memory

@Suite("A store after a crash, and damaged files")
struct StoreRecoveryTests {
    private static let segment = "00000001.facts"

    /// Facts; the bytes of the segment after each.
    private func stored(_ count: Int = 3) throws -> (fixture: StoreFixture, ends: [Int]) {
        let fixture = try StoreFixture()
        let store = try fixture.open()
        var ends: [Int] = []
        for number in 5..<5 + count {
            try store.add([StoreFixture.record(number)])
            ends.append(try fixture.bytes(Self.segment).count)
        }
        return (fixture, ends)
    }

    @Test("a record that is cut off at any byte was not told: all before it is there, and the store goes on")
    func tornTail() throws {
        let (fixture, ends) = try stored()
        let whole = try fixture.bytes(Self.segment)
        for end in ends[1]..<ends[2] {
            try fixture.write(Array(whole[..<end]), Self.segment)
            #expect(try MemorySnapshot.read(fixture.path).count == 2)
            #expect(try fixture.bytes(Self.segment).count == end, "a reader changes nothing")
            let store = try fixture.open()
            #expect(Array(store.snapshot.ids) == [1, 2])
            guard end % 16 == 0 || end == ends[2] - 1 else { continue }
            #expect(try store.add([StoreFixture.record(8)]) == [3])
            #expect(try StoreFixture.records(store.snapshot)[3] == StoreFixture.record(8).with(id: 3))
            #expect(try StoreFixture.records(MemorySnapshot.read(fixture.path)).count == 3)
        }
    }

    @Test("of changes that were given together, a cut at any byte leaves none")
    func tornRequest() throws {
        let (fixture, ends) = try stored(1)
        try fixture.open().apply([.add(StoreFixture.record(10)), .forget(1), .add(StoreFixture.record(5))])
        let whole = try fixture.bytes(Self.segment)
        for end in ends[0]..<whole.count {
            try fixture.write(Array(whole[..<end]), Self.segment)
            #expect(Array(try MemorySnapshot.read(fixture.path).ids) == [1], "\(end)")
        }
        let store = try fixture.open()
        #expect(try store.add([StoreFixture.record(1)]) == [2])
        try fixture.write(whole, Self.segment)
        #expect(Array(try MemorySnapshot.read(fixture.path).ids) == [2, 3])
    }

    @Test("when no further segment can be begun, the last one goes on")
    func noFurtherSegment() throws {
        let fixture = try StoreFixture()
        var limits = StoreLimits()
        limits.segmentBytes = 100
        let store = try fixture.open(limits)
        let obstacle = "\(fixture.path)/00000002.facts"
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: false)
        for number in 0..<3 { try store.add([StoreFixture.record(number)]) }
        #expect(StoreFixture.failure { try store.compact(force: true) } == nil)
        try store.forget([1])
        #expect(StoreFixture.failure { try store.compact(force: true) }?.code == .unavailable)
        #expect(Array(store.snapshot.ids) == [2, 3])
        try FileManager.default.removeItem(atPath: obstacle)
        try store.add([StoreFixture.record(3)])
        #expect(try fixture.files.contains("00000002.facts"))
        #expect(try StoreFixture.records(MemorySnapshot.read(fixture.path)) == StoreFixture.records(store.snapshot))
    }

    @Test("a record whose end is zeros, as a file system may leave it, was not told")
    func zeros() throws {
        let (fixture, ends) = try stored()
        let whole = try fixture.bytes(Self.segment)
        for end in ends[1]..<ends[2] {
            try fixture.write(Array(whole[..<end]) + [UInt8](repeating: 0, count: 3000), Self.segment)
            #expect(try MemorySnapshot.read(fixture.path).count == 2, "\(end)")
        }
        let store = try fixture.open()
        try store.add([StoreFixture.record(8)])
        #expect(try StoreFixture.records(MemorySnapshot.read(fixture.path)).count == 3)
    }

    @Test("a flipped bit anywhere is an error with file and offset, and the file stays as it is")
    func flippedBits() throws {
        let (fixture, ends) = try stored(2)
        let whole = try fixture.bytes(Self.segment)
        for place in 0..<ends[1] {
            var bytes = whole
            bytes[place] ^= 1 << UInt8(place % 8)
            try fixture.write(bytes, Self.segment)
            let error = StoreFixture.failure { _ = try fixture.open() }
            #expect(error?.code == .malformed && error?.place?.hasSuffix(Self.segment) == true, "\(place): \(error?.description ?? "accepted")")
            #expect(error?.message.contains("at byte") == true)
            #expect(try fixture.bytes(Self.segment) == bytes)
        }
    }

    /// Several segments: the last facts are in the fourth.
    private func segments() throws -> (fixture: StoreFixture, expected: [Fact.ID: FactRecord]) {
        let fixture = try StoreFixture()
        var limits = StoreLimits()
        limits.segmentBytes = 2000
        let store = try fixture.open(limits)
        for number in 0..<24 { try store.add([StoreFixture.record(number)]) }
        try store.forget([2, 20])
        try store.change(StoreFixture.record(77).with(id: 3))
        #expect(try fixture.files.filter { $0.hasSuffix(".facts") }.count >= 4)
        return (fixture, try StoreFixture.records(store.snapshot))
    }

    @Test("several segments are one store, with their indexes and without")
    func indexes() throws {
        let (fixture, expected) = try segments()
        let indexes = try fixture.files.filter { $0.hasSuffix(".index") }
        #expect(indexes.count == (try fixture.files.filter { $0.hasSuffix(".facts") }.count) - 1)
        #expect(try fixture.reopened() == expected)
        let whole = try fixture.bytes(indexes[0])
        for damage in 0..<4 {
            switch damage {
            case 0: try FileManager.default.removeItem(atPath: "\(fixture.path)/\(indexes[0])")
            case 1: try fixture.write(Array(whole.dropLast(40)), indexes[0])
            case 2: try fixture.write(whole.enumerated().map { $0.offset == 60 ? $0.element ^ 4 : $0.element }, indexes[0])
            default: try fixture.write([], indexes[0])
            }
            let snapshot = try MemorySnapshot.read(fixture.path)
            #expect(try StoreFixture.records(snapshot) == expected)
            #expect(try fixture.reopened() == expected)
            #expect(try fixture.bytes(indexes[0]) == whole, "the index is made again")
        }
    }

    @Test("damage of a segment behind its index is found when a fact is read, and of the others nothing is lost")
    func damagedSegment() throws {
        let (fixture, expected) = try segments()
        var bytes = try fixture.bytes(Self.segment)
        bytes[bytes.count - 20] ^= 1
        try fixture.write(bytes, Self.segment)
        let snapshot = try fixture.open().snapshot
        var damaged = 0
        for (id, record) in expected {
            do {
                #expect(try snapshot.record(id) == record)
            } catch {
                damaged += 1
                #expect(error.code == .malformed && error.place?.hasSuffix(Self.segment) == true)
            }
        }
        #expect(damaged == 1)
    }

    @Test("a segment that is cut off or missing is an error, and nothing is deleted")
    func missingSegment() throws {
        let (fixture, _) = try segments()
        let (whole, files) = (try fixture.bytes(Self.segment), try fixture.files)
        try fixture.write(Array(whole.dropLast()), Self.segment)
        #expect(StoreFixture.failure { _ = try fixture.open() }?.code == .malformed)
        try FileManager.default.removeItem(atPath: "\(fixture.path)/\(Self.segment)")
        #expect(StoreFixture.failure { _ = try fixture.open() }?.code == .notFound)
        #expect(try fixture.files == files.filter { $0 != Self.segment })
    }

    @Test("a manifest that is missing, damaged or of a later format is an error, and nothing is deleted")
    func manifest() throws {
        let (fixture, expected) = try segments()
        let whole = try fixture.bytes("store.json")
        let text = String(decoding: whole, as: UTF8.self)
        let files = try fixture.files
        let cases = [
            "", "{}", "[]", text.replacing("\"format\": 1", with: "\"format\": 2"), text.replacing("\"hidden\": 4", with: "\"hidden\": 0"),
            text.replacing("\"segments\"", with: "\"segment\""), text.replacing("\"number\": 2", with: "\"number\": 1"),
            text.replacing("\"next_segment\"", with: "\"next\""), String(text.dropLast(20)),
        ]
        for (index, damaged) in cases.enumerated() {
            try fixture.write(Array(damaged.utf8), "store.json")
            let error = StoreFixture.failure { _ = try fixture.open() }
            #expect(error?.code == .malformed && error?.place?.hasSuffix("store.json") == true, "case \(index): \(error?.description ?? "accepted")")
        }
        try FileManager.default.removeItem(atPath: "\(fixture.path)/store.json")
        let error = StoreFixture.failure { _ = try fixture.open() }
        #expect(error?.code == .malformed && error?.message.contains("store.json is missing") == true)
        try fixture.write(whole, "store.json")
        #expect(try fixture.files == files)
        #expect(try fixture.reopened() == expected)
    }

    @Test("files that an interrupted write left are deleted; files of others are not")
    func leftovers() throws {
        let (fixture, expected) = try segments()
        let files = try fixture.files
        let left = ["00000090.facts", "00000091.index", "store.json.partial"]
        let others = ["notes.facts", "1.facts", "adapter_config.json", "000000001.facts"]
        for name in left + others { try fixture.write([1, 2, 3], name) }
        #expect(try fixture.reopened() == expected)
        #expect(try fixture.files == (files + others).sorted())
        // A crash before the first manifest.
        let new = try StoreFixture()
        let header = Array(try fixture.bytes(Self.segment)[..<SegmentFile.headerBytes])
        try new.write(header, Self.segment)
        #expect(try new.open().add([StoreFixture.record(1)]) == [1])
    }
}
