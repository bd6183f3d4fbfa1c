import TestSupport
import Testing

@testable import Memory

@Suite("Bounds of a store")
struct StoreLimitsTests {
    /// What is at its bound is stored and read again; one more is refused, and the store is as it was.
    private func expectEdge(
        _ name: String, code: MemoryError.Code = .full, _ limits: StoreLimits = StoreLimits(), _ make: (Int) -> FactRecord
    ) throws {
        let fixture = try StoreFixture()
        let store = try fixture.open(limits)
        let error = StoreFixture.failure { try store.add([make(1)]) }
        #expect(error?.code == code, "\(name): \(error?.description ?? "accepted")")
        #expect(store.snapshot.count == 0, "\(name)")
        let id = try store.add([make(0)])[0]
        #expect(try store.snapshot.record(id) == make(0).with(id: id), "\(name)")
    }

    private func record(_ body: (inout FactRecord) -> Void) -> FactRecord {
        var record = StoreFixture.record(0)
        body(&record)
        return record
    }

    @Test("texts, wordings, experts, pieces and records at their bounds are stored; beyond, nothing is")
    func edges() throws {
        let limits = StoreLimits()
        try expectEdge("question") { more in record { $0.fact.question = String(repeating: "q", count: limits.questionBytes + more) } }
        try expectEdge("answer") { more in record { $0.fact.answer = String(repeating: "a", count: limits.answerBytes + more) } }
        try expectEdge("source") { more in record { $0.fact.source = String(repeating: "s", count: limits.sourceBytes + more) } }
        try expectEdge("wordings") { more in
            record {
                $0.fact.wordings = (0..<limits.wordings + more).map { "wording \($0)" }
                $0.keys = (0...limits.wordings + more).map { StoreFixture.key($0, pieces: 1, 8) }
            }
        }
        try expectEdge("a wording") { more in
            record {
                $0.fact.wordings = [String(repeating: "w", count: limits.questionBytes + more)]
                $0.keys.append($0.keys[0])
            }
        }
        try expectEdge("experts") { more in
            record {
                let count = limits.experts + more
                let matrix = [UInt16](repeating: 1, count: 4 * count)
                $0.experts = FactExperts(site: 27, hidden: 4, inner: matrix, offsets: [Float](repeating: 0, count: count), outer: matrix)
            }
        }
        try expectEdge("pieces") { more in record { $0.keys[0] = StoreFixture.key(1, pieces: limits.pieces + more, 8) } }
        var small = limits
        var sink = ByteSink()
        _ = try RecordSections.write(StoreFixture.record(5), version: 1, isLast: true, limits: limits, into: &sink)
        small.recordBytes = sink.bytes.count
        try expectEdge("record", small) { more in
            var record = StoreFixture.record(5)
            record.fact.answer += String(repeating: "x", count: more)
            return record
        }
    }

    @Test("what contradicts itself or the store is refused, with the field")
    func contradictions() throws {
        let fixture = try StoreFixture()
        let store = try fixture.open()
        let cases: [(String, FactRecord)] = [
            ("question", record { $0.fact.question = "" }),
            ("keys", record { $0.fact.wordings = ["another"] }),
            ("keys", record { $0.keys = [] }),
            ("keys[0]", record { $0.keys[0].sentence.removeLast() }),
            ("keys[0].scale", record { $0.keys[0].scale = .nan }),
            ("keys[0].pieces", record { $0.keys[0] = StoreFixture.key(1, pieces: 2, 7); $0.keys[0].sentence.append(1) }),
            ("experts", record { $0.experts.site = 3 }),
            ("experts", record { $0.experts = FactExperts(site: 27, hidden: 5, inner: [1, 2, 3, 4, 5], offsets: [0], outer: [1, 2, 3, 4, 5]) }),
            ("experts", record { $0.experts = FactExperts(site: 27, hidden: 4, inner: [], offsets: [], outer: []) }),
            ("experts", record { $0.experts.inner.removeLast() }),
            ("experts.offsets", record { $0.experts.offsets[0] = .infinity }),
        ]
        for (place, record) in cases {
            let error = StoreFixture.failure { try store.add([record]) }
            #expect(error?.code == .invalid && error?.place == place, "\(place): \(error?.description ?? "accepted")")
        }
        #expect(store.snapshot.count == 0)
    }

    @Test("the number of facts and their ids have an end")
    func counts() throws {
        let fixture = try StoreFixture()
        var limits = StoreLimits()
        limits.facts = 3
        limits.batchRecords = 3
        do {
            let store = try fixture.open(limits)
            try store.add((0..<3).map { StoreFixture.record($0) })
            #expect(StoreFixture.failure { try store.add([StoreFixture.record(3)]) }?.code == .full)
            #expect(StoreFixture.failure { try store.forget([1, 2, 3, 1]) }?.code == .full)
            try store.forget([1])
            try store.add([StoreFixture.record(3)])
        }
        let manifest = String(decoding: try fixture.bytes("store.json"), as: UTF8.self)
        let last = StoreLimits.greatestFact
        try fixture.write(Array(manifest.replacing("\"next_fact\": 1", with: "\"next_fact\": \(last)").utf8), "store.json")
        let store = try fixture.open()
        #expect(try store.add([StoreFixture.record(0)]) == [last])
        #expect(StoreFixture.failure { try store.add([StoreFixture.record(1)]) }?.message == "all ids of facts are used up")
        try store.forget([last])
        #expect(store.snapshot.count == 3)
        #expect(StoreFixture.failure { try store.add([StoreFixture.record(1)]) }?.code == .full)
        try store.compact(force: true)
        #expect(StoreFixture.failure { try store.add([StoreFixture.record(1)]) }?.code == .full)
    }

    @Test("more bytes at once than the bound are refused")
    func batch() throws {
        let fixture = try StoreFixture()
        var limits = StoreLimits()
        limits.batchBytes = 1000
        let store = try fixture.open(limits)
        #expect(StoreFixture.failure { try store.add((0..<10).map { StoreFixture.record($0) }) }?.code == .full)
        try store.add([StoreFixture.record(0)])
        #expect(store.snapshot.count == 1)
    }
}
