import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Memory

@Suite("Store of facts")
struct MemoryStoreTests {
    @Test("what is told is there, and after the store is opened again")
    func tells() throws {
        let fixture = try StoreFixture()
        var expected: [Fact.ID: FactRecord] = [:]
        do {
            let store = try fixture.open()
            let ids = try store.add((0..<20).map { StoreFixture.record($0) })
            #expect(ids == Array(1...20))
            for (number, id) in ids.enumerated() { expected[id] = StoreFixture.record(number).with(id: id) }
            #expect(try StoreFixture.records(store.snapshot) == expected)
            #expect(StoreFixture.rows(store.snapshot.keys) == StoreFixture.rows(expected))
            let experts = try #require(store.snapshot.experts(of: 7))
            #expect(try experts.read() == expected[7]?.experts && experts.count == 2 && experts.version == 1)
            #expect(try store.snapshot.keys(of: 3) == expected[3]?.keys)
            #expect(try store.snapshot.fact(3) == expected[3]?.fact)
        }
        let again = try fixture.open().snapshot
        #expect(try StoreFixture.records(again) == expected)
        #expect(StoreFixture.rows(again.keys) == StoreFixture.rows(expected))
        #expect(Array(again.ids) == Array(1...20) && again.deadBytes == 0)
        #expect(try again.record(21) == nil && again.fact(0) == nil && again.experts(of: .max) == nil)
    }

    @Test("a change is a new version of the fact; a forgotten fact and its id never come back")
    func changes() throws {
        let fixture = try StoreFixture()
        let expected: [Fact.ID: FactRecord] = [
            1: StoreFixture.record(0).with(id: 1), 2: StoreFixture.record(50).with(id: 2), 3: StoreFixture.record(2).with(id: 3),
        ]
        func check(_ snapshot: MemorySnapshot) throws {
            #expect(try StoreFixture.records(snapshot) == expected)
            #expect(StoreFixture.rows(snapshot.keys) == StoreFixture.rows(expected))
            #expect(snapshot.version(of: 2) == 2 && snapshot.version(of: 1) == 1 && snapshot.version(of: 4) == nil)
            #expect(snapshot.deadBytes > 0)
        }
        do {
            let store = try fixture.open()
            try store.add((0..<4).map { StoreFixture.record($0) })
            try store.change(StoreFixture.record(50).with(id: 2))
            try store.forget([4])
            try check(store.snapshot)
        }
        let again = try fixture.open()
        try check(again.snapshot)
        #expect(try again.add([StoreFixture.record(9)]) == [5])
        #expect(StoreFixture.failure { try again.forget([4]) }?.code == .notFound)
        #expect(StoreFixture.failure { try again.change(StoreFixture.record(1).with(id: 4)) }?.code == .notFound)
        #expect(StoreFixture.failure { try again.forget([99]) }?.message == "there is no fact 99")
    }

    @Test("several changes happen together or not at all")
    func together() throws {
        let fixture = try StoreFixture()
        let store = try fixture.open()
        try store.add([StoreFixture.record(0)])
        let ids = try store.apply([.add(StoreFixture.record(1)), .forget(1), .change(StoreFixture.record(2).with(id: 2)), .add(StoreFixture.record(3))])
        #expect(ids == [2, 1, 2, 3])
        let error = StoreFixture.failure {
            try store.apply([.add(StoreFixture.record(4)), .forget(2), .forget(2)])
        }
        #expect(error?.code == .notFound && error?.place == "changes[2]")
        #expect(try store.apply([]) == [])
        let expected: [Fact.ID: FactRecord] = [2: StoreFixture.record(2).with(id: 2), 3: StoreFixture.record(3).with(id: 3)]
        #expect(try StoreFixture.records(store.snapshot) == expected)
        #expect(store.snapshot.version(of: 2) == 2)
    }

    @Test("a snapshot stays as it was")
    func isolation() throws {
        let fixture = try StoreFixture()
        let store = try fixture.open()
        try store.add((0..<600).map { StoreFixture.record($0) })
        let before = store.snapshot
        let expected = try StoreFixture.records(before)
        let experts = try #require(before.experts(of: 1))
        for id in 1...300 { try store.forget([Fact.ID(id)]) }
        for id in 301...400 { try store.change(StoreFixture.record(id + 7).with(id: Fact.ID(id))) }
        try store.add([StoreFixture.record(1)])
        try store.compact(force: true)
        #expect(try StoreFixture.records(before) == expected && before.count == 600)
        #expect(StoreFixture.rows(before.keys) == StoreFixture.rows(expected))
        #expect(try experts.read() == StoreFixture.record(0).experts)
        #expect(store.snapshot.count == 301 && !store.snapshot.contains(1))
        #expect(StoreFixture.rows(store.snapshot.keys) == StoreFixture.rows(try StoreFixture.records(store.snapshot)))
    }

    @Test("callers from many threads get their own ids, and readers see whole facts meanwhile")
    func threads() throws {
        let fixture = try StoreFixture()
        let store = try fixture.open()
        let found = Mutex<[Fact.ID: FactRecord]>([:])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for round in 0..<12 {
                do {
                    let records = (0..<3).map { StoreFixture.record(thread * 1000 + round * 10 + $0) }
                    let ids = try store.add(records)
                    found.withLock { found in
                        for (id, record) in zip(ids, records) {
                            #expect(found[id] == nil)
                            found[id] = record.with(id: id)
                        }
                    }
                    let snapshot = store.snapshot
                    for (id, record) in zip(ids, records) { #expect(try snapshot.record(id) == record.with(id: id)) }
                    #expect(StoreFixture.failure { try store.forget([1_000_000]) }?.code == .notFound)
                    if round % 4 == 3 { try store.compact(force: true) }
                } catch {
                    Issue.record(error)
                }
            }
        }
        #expect(try StoreFixture.records(store.snapshot) == found.withLock { $0 })
    }

    @Test("a second writer is told which process has the store; readers need no lock")
    func writers() throws {
        let fixture = try StoreFixture()
        var store: MemoryStore? = try fixture.open()
        try store?.add([StoreFixture.record(1)])
        let error = StoreFixture.failure { _ = try fixture.open() }
        #expect(error?.code == .unavailable && error?.place == fixture.path)
        #expect(error?.message.hasPrefix("this process writes into this store") == true, "\(error?.message ?? "")")
        #expect(try StoreFixture.records(MemorySnapshot.read(fixture.path)) == [1: StoreFixture.record(1).with(id: 1)])
        store = nil
        _ = try fixture.open()
        #expect(StoreFixture.failure { _ = try MemorySnapshot.read(fixture.folder.path) }?.code == .notFound)
    }

    @Test("a store of another model is refused, with what differs")
    func identity() throws {
        let fixture = try StoreFixture()
        _ = try fixture.open()
        var other = StoreFixture.identity
        other.base = "another"
        let error = StoreFixture.failure { _ = try MemoryStore(fixture.path, identity: other) }
        #expect(error?.code == .mismatched)
        #expect(error?.message == "the store was made for another model: its base is base, expected another")
    }
}
