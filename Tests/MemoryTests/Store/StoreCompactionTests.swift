import Foundation
import TestSupport
import Testing

@testable import Memory

@Suite("Compaction of a store")
struct StoreCompactionTests {
    private static var small: StoreLimits {
        var limits = StoreLimits()
        limits.segmentBytes = 3000
        limits.deadBytes = 2000
        return limits
    }

    private func bytesOnDisk(_ fixture: StoreFixture) throws -> Int {
        try fixture.files.filter { $0.hasSuffix(".facts") }.reduce(0) { try $0 + fixture.bytes($1).count }
    }

    @Test("by force, no byte of a forgotten or changed fact stays in any file")
    func force() throws {
        let fixture = try StoreFixture()
        let store = try fixture.open(Self.small)
        for number in 0..<40 { try store.add([StoreFixture.record(number)]) }
        try store.forget((1...40).filter { $0 % 3 == 0 }.map { Fact.ID($0) })
        try store.change(StoreFixture.record(500).with(id: 1))
        let expected = try StoreFixture.records(store.snapshot)
        let (before, dead) = (try bytesOnDisk(fixture), store.snapshot.deadBytes)
        #expect(try store.compact(force: true) == dead)
        #expect(store.snapshot.deadBytes == 0 && store.snapshot.bytes < before)
        #expect(try StoreFixture.records(store.snapshot) == expected)
        for name in try fixture.files {
            let text = String(decoding: try fixture.bytes(name), as: UTF8.self)
            #expect(!text.contains("It is 2,") && !text.contains("It is 0,"), "\(name)")
        }
        #expect(try MemorySnapshot.read(fixture.path).bytes == store.snapshot.bytes)
        #expect(try StoreFixture.records(MemorySnapshot.read(fixture.path)) == expected)
        #expect(try store.compact(force: true) == 0)
        #expect(try store.add([StoreFixture.record(1)]) == [41])
    }

    @Test("an id is not given again when the last fact is forgotten and compacted away")
    func lastID() throws {
        let fixture = try StoreFixture()
        do {
            let store = try fixture.open()
            try store.add([StoreFixture.record(1), StoreFixture.record(2)])
            try store.forget([1, 2])
            try store.compact(force: true)
            #expect(store.snapshot.bytes == 0)
        }
        #expect(try fixture.open().add([StoreFixture.record(1)]) == [3])
    }

    @Test("it is due when half of the bytes and more than a bound are dead, and not done before")
    func due() throws {
        let fixture = try StoreFixture()
        let store = try fixture.open(Self.small)
        let ids = try store.add((0..<40).map { StoreFixture.record($0) })
        var forgotten = 0
        while !store.isCompactionDue {
            #expect(try store.compact() == 0)
            try store.forget([ids[forgotten]])
            forgotten += 1
        }
        let snapshot = store.snapshot
        #expect(2 * snapshot.deadBytes > snapshot.bytes && snapshot.deadBytes > 2000 && forgotten < 40)
        #expect(try store.compact() > 0)
        #expect(!store.isCompactionDue && store.snapshot.count == 40 - forgotten)
    }

    /// Random changes and compactions against a dictionary, opened again now and then.
    @Test("any sequence of changes, compactions and openings leaves what was told last", arguments: [1, 2, 3, 4])
    func sequences(seed: UInt64) throws {
        let fixture = try StoreFixture()
        var random = Numbers(seed)
        var expected: [Fact.ID: FactRecord] = [:]
        var store: MemoryStore? = try fixture.open(Self.small)
        var next: Fact.ID = 1
        for step in 0..<250 {
            if random.next() % 20 == 0 {
                store = nil
                store = try fixture.open(Self.small)
            }
            let open = try #require(store)
            let record = StoreFixture.record(Int(random.next() % 1000))
            let known = expected.keys.sorted().randomElement(using: &random)
            switch (random.next() % 19, known) {
            case (0..<9, _), (_, nil):
                #expect(try open.add([record]) == [next])
                expected[next] = record.with(id: next)
                next += 1
            case (9..<12, let id?):
                try open.change(record.with(id: id))
                expected[id] = record.with(id: id)
            case (12..<17, let id?):
                try open.forget([id])
                expected[id] = nil
            case (17, _): try open.compact(force: true)
            default: try open.compact()
            }
            guard step % 25 == 24 else { continue }
            let snapshot = open.snapshot
            #expect(try StoreFixture.records(snapshot) == expected, "seed \(seed), step \(step)")
            #expect(StoreFixture.rows(snapshot.keys) == StoreFixture.rows(expected), "seed \(seed), step \(step)")
            let read = try MemorySnapshot.read(fixture.path)
            #expect(try StoreFixture.records(read) == expected && read.bytes == snapshot.bytes && read.deadBytes == snapshot.deadBytes)
        }
    }

    @Test("changes that are made while segments are copied win over the copies")
    func meanwhile() throws {
        let fixture = try StoreFixture()
        let store = try fixture.open(Self.small)
        try store.add((0..<60).map { StoreFixture.record($0) })
        try store.forget([1])
        let stop = DispatchSemaphore(value: 0)
        let compactor = Thread {
            for _ in 0..<30 {
                do { try store.compact(force: true) } catch { Issue.record(error) }
            }
            stop.signal()
        }
        compactor.start()
        var expected = try StoreFixture.records(store.snapshot)
        for id in 2...60 as ClosedRange<Fact.ID> {
            if id % 2 == 0 {
                try store.forget([id])
                expected[id] = nil
            } else {
                expected[id] = StoreFixture.record(Int(id) + 100).with(id: id)
                try store.change(StoreFixture.record(Int(id) + 100).with(id: id))
            }
            #expect(try store.snapshot.record(id) == expected[id])
        }
        stop.wait()
        #expect(try StoreFixture.records(store.snapshot) == expected)
        #expect(try StoreFixture.records(MemorySnapshot.read(fixture.path)) == expected)
        try store.compact(force: true)
        #expect(store.snapshot.deadBytes == 0)
        #expect(try StoreFixture.records(MemorySnapshot.read(fixture.path)) == expected)
    }

    @Test("a damaged record stops it, with file and offset; the store is as it was")
    func damage() throws {
        let fixture = try StoreFixture()
        let store = try fixture.open(Self.small)
        for number in 0..<20 { try store.add([StoreFixture.record(number)]) }
        try store.forget([2])
        let files = try fixture.files
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: "\(fixture.path)/00000001.facts"))
        try handle.seek(toOffset: 150)
        let byte = try #require(try handle.read(upToCount: 1))
        try handle.seek(toOffset: 150)
        try handle.write(contentsOf: Data([byte[0] ^ 1]))
        try handle.close()
        let error = StoreFixture.failure { try store.compact(force: true) }
        #expect(error?.code == .malformed && error?.place?.hasSuffix("00000001.facts") == true)
        #expect(try fixture.files.filter { $0.hasSuffix(".facts") && !files.contains($0) }.count <= 1, "a new last segment at most")
        try store.add([StoreFixture.record(30)])
        #expect(store.snapshot.count == 20)
    }
}
