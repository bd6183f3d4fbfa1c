import TestSupport
import Testing

@testable import Memory

@Suite("The gate on a store")
struct SnapshotGateTests {
    private let folder: TemporaryFolder
    private let store: MemoryStore
    private let gate: MemoryGate

    init() throws {
        folder = try TemporaryFolder()
        let identity = StoreIdentity(base: "base", encoder: "encoder", site: 27, hidden: 4, dimension: 384)
        store = try MemoryStore(folder.place("store"), identity: identity)
        gate = MemoryGate(vocabulary: WordVocabulary(try GateEncoder.fast.get()))
    }

    private func tell(_ wordings: [String]) throws -> Fact.ID {
        let fact = Fact(id: 0, question: wordings[0], wordings: Array(wordings.dropFirst()), answer: "yes", created: 0)
        let experts = FactExperts(site: 27, hidden: 4, inner: [0, 0, 0, 0], offsets: [0], outer: [0, 0, 0, 0])
        let keys = try GateEncoder.keys(wordings)
        return try store.add([FactRecord(fact: fact, keys: keys, experts: experts, rivalry: try gate.rivalry(of: keys, in: store.snapshot))])[0]
    }

    private func decide(_ text: String) throws -> GateDecision {
        try gate.decide(text, try GateEncoder.keys([text])[0], in: store.snapshot)
    }

    @Test("a told question opens its fact, another wording too, and no forgotten one")
    func opens() throws {
        let id = try tell(["Who feeds the cat on Sunday?", "What is the name of the weekend cat sitter?"])
        _ = try tell(["How much is a \u{1F34E}?"])
        #expect(try decide("who feeds the cat on Sunday").fact == id)
        #expect(try decide("Tell me the name of the weekend cat sitter").fact == id)
        #expect(try decide("How much is a \u{1F34E}?").fact != nil)
        #expect(try decide("Who feeds the cat on Monday?").fact == nil)
        let before = store.snapshot
        try store.forget([id])
        #expect(try decide("who feeds the cat on Sunday").fact == nil)
        let key = try GateEncoder.keys(["who feeds the cat on Sunday"])[0]
        #expect(try gate.decide("", key, in: before).fact == id, "a snapshot never changes")
    }

    @Test("a store whose questions open each other gets a greater threshold, also when it is opened again, until they are forgotten")
    func calibrates() throws {
        _ = try tell(["Who feeds the cat on Sunday?"])
        _ = try tell(["When does the museum close?"])
        #expect(store.snapshot.threshold == GateCalibration.least)
        let id = try tell(["Which person feeds the cats on Sunday?"])
        let threshold = store.snapshot.threshold
        #expect(threshold > GateCalibration.least)
        #expect(try MemorySnapshot.read(store.folder).threshold == threshold)
        let rivalry = try gate.rivalry(of: try GateEncoder.keys(["Who feeds the cat on Sundays?"]), in: store.snapshot)
        #expect(rivalry ?? -9 > GateCalibration.least)
        let verdict = try gate.check(
            try GateEncoder.keys(["When does the museum close today?"])[0], of: try GateEncoder.keys(["Who feeds the cat on Sunday?"])[0],
            isTold: true, in: store.snapshot)
        #expect(verdict.reason != nil)
        try store.forget([id])
        #expect(store.snapshot.threshold == GateCalibration.least)
    }
}
