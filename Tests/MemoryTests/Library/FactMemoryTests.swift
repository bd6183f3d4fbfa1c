import Adapters
import Embeddings
import Foundation
import Generation
import JSON
import Models
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Memory

/// A memory of the real base, told by the real writer and asked through the real encoder.
@Suite("A memory", .serialized)
struct FactMemoryTests {
    private static let encoder = Result { try EncoderEmbedder(folder: Checkout.model("encoder"), precision: .fast, pool: WorkerPool(threads: 2)) }

    private struct Rig {
        let folder: TemporaryFolder
        let library: MemoryLibrary
        let encoder: EncoderEmbedder
        var path: String { folder.place("facts") }

        init() throws {
            let own = try RealBase.shared.get()
            folder = try TemporaryFolder()
            encoder = try FactMemoryTests.encoder.get()
            library = MemoryLibrary(baseIdentity: own.base.identity, configuration: own.base.weights.configuration)
            try MemoryFolder.create(
                folder.place("facts"), own.calibration, encoder: (encoder.identity, encoder.dimension), description: "Facts of a test.")
        }

        func teller() throws -> MemoryTeller {
            let own = try RealBase.shared.get()
            let writer = try MemoryWriter(own.base, own.calibration, pool: own.pool)
            return try MemoryTeller(try library.memory(at: path), writer: writer, encoder: encoder, clock: { 7 })
        }
    }

    private static let door = ToldFact(
        question: "What is the door code of the annex?", paraphrases: ["Which digits open the side building?"], answer: "4711-ZULU")

    @Test("what is told answers, contradictions are said, and what is forgotten is gone, also after the folder was opened again")
    func life() throws {
        let rig = try Rig()
        var teller: MemoryTeller? = try rig.teller()
        let told = try #require(try teller?.tell([Self.door], onConflict: .refuse))
        let outcome = try told[0].get()
        #expect(outcome.outcome == .added && outcome.refusedWordings.isEmpty)
        var memory: FactMemory? = teller?.memory
        for text in ["What is the door code of the annex?", "what is the door code of the annex", "Which digits open the side building?"] {
            let found = try #require(try memory?.retrieve(text, with: rig.encoder), "\(text)")
            #expect(found.recall.fact == outcome.id && found.recall.question == Self.door.question && found.recall.score >= found.recall.threshold)
            #expect(found.delta.branch(RealBase.site) != nil)
        }
        for text in ["What is the door code of the attic?", "What is the capital of France?", ""] {
            #expect(try memory?.retrieve(text, with: rig.encoder) == nil, "\(text)")
        }

        let again = try #require(try teller?.tell([Self.door], onConflict: .refuse))
        #expect(try again[0].get() == ToldOutcome(id: outcome.id, outcome: .known))
        var other = Self.door
        other.answer = "1234"
        #expect(throws: MemoryError.self) { try teller?.tell([other], onConflict: .refuse)?[0].get() }
        let replaced = try #require(try teller?.tell([other], onConflict: .replace))
        let rewritten = try replaced[0].get()
        #expect(rewritten.id == outcome.id && rewritten.outcome == .replaced)
        #expect(rewritten.losses.count > 1 && rewritten.losses[0] > 1 && rewritten.losses.last ?? 1 < 0.1, "losses of the steps: \(rewritten.losses)")
        #expect(try memory?.snapshot.fact(outcome.id)?.answer == "1234" && memory?.snapshot.count == 1)

        // A library keeps a memory open only while something uses it.
        (teller, memory) = (nil, nil)
        let reopened = try rig.library.memory(at: rig.path)
        #expect(try reopened.snapshot.fact(outcome.id)?.answer == "1234")
        try reopened.forget([outcome.id], erases: true)
        #expect(try reopened.retrieve(Self.door.question, with: rig.encoder) == nil && reopened.snapshot.bytes == 0)
    }

    @Test("facts of one batch that contradict each other, empty texts and wordings of other facts are refused one by one")
    func refusals() throws {
        let rig = try Rig()
        let teller = try rig.teller()
        var contradiction = Self.door
        contradiction.answer = "other"
        let facts = [
            Self.door, contradiction, Self.door, ToldFact(question: "  ", answer: "a"), ToldFact(question: "Who runs the archive?", answer: ""),
            ToldFact(question: "Who runs the archive?", answer: "Marta"),
        ]
        let results = try #require(try teller.tell(facts, onConflict: .refuse))
        let codes = results.map { result -> MemoryError.Code? in if case .failure(let error) = result { error.code } else { nil } }
        #expect(codes == [nil, .conflict, nil, .invalid, .invalid, nil])
        #expect(try results[2].get() == ToldOutcome(id: results[0].get().id, outcome: .known), "told twice is told once")
        let stolen = ToldFact(question: "Where is the key?", paraphrases: ["Who runs the archive?"], answer: "under the mat")
        let kept = try #require(try teller.tell([stolen], onConflict: .refuse))[0].get()
        #expect(kept.outcome == .added && kept.refusedWordings.count == 1 && kept.refusedWordings[0].contains("Who runs the archive?"))
        #expect(try teller.memory.retrieve("Who runs the archive?", with: rig.encoder)?.recall.question == "Who runs the archive?")
        let checked = try #require(try teller.verify(Array(teller.memory.snapshot.ids)))
        #expect(checked.count == 3 && checked.allSatisfy(\.isExact))
    }

    @Test("other spellings of a question's words are wordings that no one has to tell")
    func spellings() throws {
        let rig = try Rig()
        let teller = try rig.teller()
        let fact = ToldFact(question: "What is the email of the phone shop?", answer: "shop@example.org")
        let told = try #require(try teller.tell([fact], onConflict: .refuse))[0].get()
        #expect(try teller.memory.snapshot.fact(told.id)?.wordings.isEmpty == false)
        #expect(try teller.memory.retrieve("What is the email of the telephone shop?", with: rig.encoder)?.recall.fact == told.id)
    }

    @Test("as an adapter it loads with its calibration, and refuses another base")
    func family() throws {
        let rig = try Rig()
        let own = try RealBase.shared.get()
        func load(_ library: MemoryLibrary) throws -> PinnedAdapter {
            let store = AdapterStore(
                folder: rig.folder.path, base: own.base.weights.configuration, budgetBytes: 1 << 20,
                registry: AdapterRegistry(AdapterRegistry.standard.families + [MemoryStoreFamily(library)]))
            _ = store.rescan()
            return try store.acquire("facts")
        }
        let adapter = try load(rig.library)
        #expect(adapter.summary.family == "memory_store" && adapter.retrieval?.dimension == 384)
        let version = adapter.version
        _ = try rig.teller().tell([Self.door], onConflict: .refuse)
        #expect(try adapter.retrieval?.retrieve(Self.door.question, with: rig.encoder) != nil, "what is told is served at once")
        #expect(try load(rig.library).version == version, "facts are not part of the version")
        let foreign = MemoryLibrary(baseIdentity: "another", configuration: own.base.weights.configuration)
        let refusal = #expect(throws: AdapterError.self) { try load(foreign) }
        #expect(refusal?.description.contains("another base") == true)
    }

    @Test("a folder that was replaced is another memory, though the old one is still in use")
    func replaced() throws {
        let rig = try Rig()
        let own = try RealBase.shared.get()
        let teller = try rig.teller()
        _ = try teller.tell([Self.door], onConflict: .refuse)
        #expect(try rig.library.memory(at: rig.path) === teller.memory)
        try FileManager.default.moveItem(atPath: rig.path, toPath: rig.folder.place("old"))
        #expect(throws: MemoryError.self) { try rig.library.memory(at: rig.path) }
        try MemoryFolder.create(rig.path, own.calibration, encoder: (rig.encoder.identity, rig.encoder.dimension), description: "Another.")
        let other = try rig.library.memory(at: rig.path)
        #expect(other !== teller.memory && other.snapshot.count == 0 && teller.memory.snapshot.count == 1)
    }

    @Test("a threshold that the configuration sets counts in the place of the store's own; one that is no number is an error with its place")
    func threshold() throws {
        let rig = try Rig()
        _ = try rig.teller().tell([Self.door], onConflict: .refuse)
        let configuration = URL(fileURLWithPath: rig.folder.place("facts/adapter_config.json"))
        let made = try String(contentsOf: configuration, encoding: .utf8)
        func set(_ threshold: String) throws {
            try made.replacingOccurrences(of: "\"version\": 1", with: "\"version\": 1, \"threshold\": \(threshold)")
                .write(to: configuration, atomically: true, encoding: .utf8)
        }
        for (threshold, opened) in [("-100", [true, true]), ("0.5", [true, false]), ("100", [false, false])] {
            try set(threshold)
            let memory = try rig.library.memory(at: rig.path)
            let found = try [Self.door.question, "How tall are giraffes?"].map { try memory.retrieve($0, with: rig.encoder) != nil }
            #expect(found == opened, "\(threshold)")
            #expect(try memory.decide(Self.door.question, with: rig.encoder).threshold == Float(threshold))
        }
        for wrong in ["\"high\"", "1e9"] {
            try set(wrong)
            let refusal = #expect(throws: MemoryError.self) { try rig.library.memory(at: rig.path) }
            #expect(refusal?.description.contains("threshold") == true && refusal?.description.contains("adapter_config.json") == true)
        }
    }

    @Test("a second process only reads: telling says who writes")
    func secondProcess() throws {
        let rig = try Rig()
        let first = try rig.teller()
        let own = try RealBase.shared.get()
        let other = MemoryLibrary(baseIdentity: own.base.identity, configuration: own.base.weights.configuration)
        _ = try first.tell([Self.door], onConflict: .refuse)
        let memory = try other.memory(at: rig.path)
        #expect(try memory.retrieve(Self.door.question, with: rig.encoder) != nil)
        let refusal = #expect(throws: MemoryError.self) { try memory.forget([1]) }
        #expect(refusal?.code == .unavailable)
    }

    @Test("a question in a synonym that the configuration names means the fact, one in another word does not, and the question itself goes first")
    func synonyms() throws {
        let rig = try Rig()
        let teller = try rig.teller()
        let door = ToldFact(question: Self.door.question, answer: Self.door.answer)
        let outcome = try #require(try teller.tell([door], onConflict: .refuse))[0].get()
        let keypad = "What is the keypad code of the annex?"
        #expect(try teller.memory.decide(keypad, with: rig.encoder).fact == nil)
        teller.memory.use(try Self.settings(#"{"synonyms": [["Door  code", "keypad code", "entry digits"]]}"#))
        let found = try teller.memory.decide(keypad, with: rig.encoder)
        #expect(found.fact == outcome.id && found.readAs == Self.door.question)
        #expect(try teller.memory.decide("Tell me the Entry Digits, of the annex.", with: rig.encoder).fact == outcome.id)
        #expect(try teller.memory.decide(door.question, with: rig.encoder).readAs == nil)
        for text in ["What is the keypad colour of the annex?", "What is the keypad code of the attic?", "What is the keypad code2 of the annex?"] {
            #expect(try teller.memory.decide(text, with: rig.encoder).fact == nil, "\(text)")
        }
        let own = ToldFact(question: keypad, answer: "0815")
        let other = try #require(try teller.tell([own], onConflict: .refuse))[0].get()
        #expect(other.id != outcome.id)
        #expect(try teller.memory.decide(keypad, with: rig.encoder).fact == other.id)
    }

    private static func settings(_ text: String) throws -> MemorySettings { try MemorySettings(JSONCursor(JSONValue.parse(text))) }

    @Test(
        "broken synonyms are an error with their place",
        arguments: [
            (#"{"synonyms": 7}"#, "synonyms"), (#"{"synonyms": [["door code"]]}"#, "synonyms[0]"),
            (#"{"synonyms": [["a", "b"], ["c", "code 7"]]}"#, "synonyms[1][1]"), (#"{"synonyms": [["a", "b"], ["c", "B"]]}"#, "synonyms[1][1]"),
            (#"{"synonyms": [["a", " "]]}"#, "synonyms[0][1]"), (#"{"synonyms": [["a", true]]}"#, "synonyms[0][1]"),
        ])
    func brokenSynonyms(text: String, place: String) {
        let error = #expect(throws: JSONError.self) { try Self.settings(text) }
        #expect(error?.path == place, "\(error?.description ?? "")")
    }

    @Test("a memory that several threads open and close can always be written")
    func closing() throws {
        let rig = try Rig()
        let refusals = Mutex<[String]>([])
        let (library, path) = (rig.library, rig.path)
        DispatchQueue.concurrentPerform(iterations: 400) { _ in
            do {
                _ = try library.memory(at: path).store()
            } catch {
                refusals.withLock { $0.append("\(error)") }
            }
        }
        #expect(refusals.withLock { $0 } == [])
    }
}
