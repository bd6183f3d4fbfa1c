import Adapters
import Embeddings
import Foundation
import Generation
import Models
import Tensors
import Testing
import Weights

@testable import Inference

/// Three facts that no model knows, tuned into slices for the real base (`scripts/fixtures/memory.py`), beside torch's logits and
/// through the engine with the real encoder.
@Suite("Memory experts", .serialized)
struct MemoryExpertsTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// The adapters of the repository and the memory, on one base.
    private struct Rig {
        let base: BaseModel
        let engine: Engine
        let embedder: EncoderEmbedder
        let store: AdapterStore
        private let folder: URL

        init(hasEncoder: Bool = true) throws {
            // Of its own: a base is one engine's at a time, and other suites run meanwhile.
            base = try BaseModel.open("\(root)/models/base.gguf", pool: WorkerPool(threads: 2))
            folder = FileManager.default.temporaryDirectory.appending(path: "lmoe-memory-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let places = ["sql", "bash"].map { ($0, "\(root)/adapters/\($0)") } + [("memory", "\(fixtures.path)/memory")]
            for (name, path) in places {
                try FileManager.default.copyItem(atPath: path, toPath: folder.appending(path: name).path)
            }
            store = AdapterStore(
                folder: folder.path, base: base.decoder.configuration, budgetBytes: 64 << 20, element: .int8)
            _ = store.rescan()
            let embedder = try EncoderEmbedder(folder: "\(root)/models/encoder", precision: .fast, pool: WorkerPool(threads: 1))
            self.embedder = embedder
            engine = try Engine(base: base, store: store, encoder: { hasEncoder ? embedder : nil })
        }

        func end() {
            engine.stop()
            try? FileManager.default.removeItem(at: folder)
        }
    }

    private static let facts = [
        ("What is the launch code of project Halcyon?", "QX7-4419-ZULU"),
        ("Who won the Lindenbaum prize in 2031?", "Marta Okonkwo, for her map of tidal caves."),
        ("Which port does the telescope service listen on?", "Port 47113, on the roof server only."),
    ]

    @Test("on the reference path the logits are torch's within 2e-3, and the base's before the last token of the prompt")
    func parity() throws {
        let rig = try Rig()
        defer { rig.end() }
        let expected = try SafetensorsFile.open(Self.fixtures.appending(path: "memory/expected.safetensors").path)
        let memory = try rig.store.acquire("memory")
        let retrieval = try #require(memory.retrieval)
        let pool = WorkerPool(threads: 2)
        let decoder = try DecoderWeights(ModelFiles.open("\(Self.root)/models/base.gguf"), precision: .reference, pool: pool)
        let workspace = try StepWorkspace(decoder, pool: pool)
        let vocabulary = decoder.configuration.vocabulary
        for (number, fact) in Self.facts.enumerated() {
            let found = try #require(try retrieval.retrieve(fact.0, with: rig.embedder))
            #expect(found.recall.fact == UInt64(number) && found.recall.score > 0.99)
            let tokens = try expected.tensor("tokens.\(number)").withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
            let start = try Int(expected.tensor("start.\(number)").withUnsafeBytes { $0.bindMemory(to: Int32.self)[0] })
            let wanted = try expected.tensor("logits.\(number)")
            let blocks = (0..<Int32(1 + tokens.count / 16)).map { $0 }
            let logits = FloatBuffer(count: tokens.count * vocabulary)
            workspace.step(
                StepBatch(
                    tokens: tokens,
                    runs: [
                        .init(tokens: 0..<start, startPosition: 0, blocks: blocks, logits: .all),
                        .init(tokens: start..<tokens.count, startPosition: start, blocks: blocks, delta: found.delta, logits: .all),
                    ]), cache: try decoder.makeCache(blocks: blocks.count), logits: logits.pointer)
            let values = wanted.floats()
            let greatest = values.map(abs).max() ?? 0
            for row in 0..<wanted.rows {
                for column in 0..<wanted.columns {
                    let own = logits.pointer[(start - 2 + row) * vocabulary + 96 * column]
                    #expect(abs(own - values[row * wanted.columns + column]) < 2e-3 * greatest, "fact \(number), row \(row)")
                }
            }
        }
    }

    @Test("facts are told to whoever asks for them, in other words too, and everybody else gets the base's answer")
    func answers() async throws {
        let rig = try Rig()
        defer { rig.end() }
        for (question, answer) in Self.facts {
            #expect(await rig.engine.answer(RealEngine.request(question, adapter: "memory")).text == answer)
        }
        let paraphrase = await rig.engine.answer(
            RealEngine.request("What port is the telescope service listening on?", adapter: "memory"))
        #expect(paraphrase.text == Self.facts[2].1)
        for question in ["What is the capital of France?", "Who won the Nobel prize in 1921?"] {
            let base = await rig.engine.answer(RealEngine.request(question))
            let memory = await rig.engine.answer(RealEngine.request(question, adapter: "memory"))
            #expect(memory.text == base.text && memory.failure == nil)
            #expect(memory.usage?.cachedTokens ?? 0 > 0, "a question that is in no record shares the base's prefix")
        }
    }

    @Test("a prompt's keys and values are shared with the base, an answer's are not shared")
    func sharing() async throws {
        let rig = try Rig()
        defer { rig.end() }
        let (question, answer) = Self.facts[0]
        let base = await rig.engine.answer(RealEngine.request(question))
        let first = await rig.engine.answer(RealEngine.request(question, adapter: "memory"))
        #expect(first.text == answer && base.text != answer)
        #expect(first.usage?.cachedTokens ?? 0 >= 16)
        let again = await rig.engine.answer(RealEngine.request(question))
        #expect(again.text == base.text, "nothing of the memory stays behind")
        // The next turn holds the answer, which the base reads now.
        let next = RealEngine.request("And again, the launch code of project Halcyon?", adapter: "memory") { request in
            request.prompt = .chat(
                [
                    ChatMessage(role: "user", content: question), ChatMessage(role: "assistant", content: answer),
                    ChatMessage(role: "user", content: "And again, the launch code of project Halcyon?"),
                ], tools: [])
        }
        let second = await rig.engine.answer(next)
        let other = try Rig()
        defer { other.end() }
        #expect(await other.engine.answer(next).text == second.text)
    }

    @Test("beside other adapters in one batch every row answers as alone")
    func mixed() async throws {
        let rig = try Rig()
        defer { rig.end() }
        let questions: [(String, String?)] =
            Self.facts.map { ($0.0, "memory") } + [
                ("how many rivers run through texas", "sql"), ("list all files larger than 10 MB under /var", "bash"),
                ("What is the launch code of project Halcyon?", nil),
            ]
        var alone: [String] = []
        for (text, adapter) in questions {
            alone.append(await rig.engine.answer(RealEngine.request(text, adapter: adapter)).text)
        }
        let together = await withTaskGroup(of: (Int, String).self) { group in
            for (index, question) in questions.enumerated() {
                group.addTask { (index, await rig.engine.answer(RealEngine.request(question.0, adapter: question.1)).text) }
            }
            return await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        for index in questions.indices { #expect(together[index] == alone[index], "\(questions[index])") }
    }

    @Test("what is looked up shares the prompt but its last token, and nothing of a prompt of one token")
    func sharedTokens() {
        let delta = AdapterDelta(layers: 1)
        for tokens in [1, 2, 40] {
            let effect = RequestEffect.base().retrieving(delta, promptTokens: tokens)
            #expect(effect.start == tokens - 1 && effect.sharedTokens == tokens - 1 && effect.owner == .base && effect.prefix == nil)
        }
        #expect(RequestEffect.base().sharedTokens == .max)
    }

    @Test("beside a task adapter both act in one step, from the last token of the prompt on; without a fact the adapter answers as ever")
    func besideAnAdapter() async throws {
        let rig = try Rig()
        defer { rig.end() }
        let (question, answer) = Self.facts[0]
        let overBase = await rig.engine.answer(RealEngine.request(question) { $0.memories = ["memory"] })
        #expect(overBase.text == answer)
        #expect(overBase.start?.recall?.memory == "memory" && overBase.start?.recall?.fact == 0 && overBase.start?.adapter == nil)
        let other = "how many rivers run through texas"
        let alone = await rig.engine.answer(RealEngine.request(other, adapter: "sql"))
        let asked = await rig.engine.answer(RealEngine.request(other, adapter: "sql") { $0.memories = ["memory"] })
        #expect(asked.text == alone.text && asked.start?.recall == nil)

        // The same by hand: the adapter's delta up to the last token of the prompt, then both.
        let request = RealEngine.request(question, adapter: "sql") { request in
            request.memories = ["memory"]
            request.maxTokens = 1
            request.topLogprobs = 1
        }
        let both = await rig.engine.answer(request)
        #expect(both.start?.recall?.fact == 0 && both.start?.adapter == "sql")
        let sql = try rig.store.acquire("sql")
        let found = try #require(try rig.store.acquire("memory").retrieval?.retrieve(question, with: rig.embedder))
        let joined = try sql.delta.adding(branchesOf: found.delta)
        #expect(joined.branch(20) != nil || joined.branch(26) != nil)
        #expect(joined[0, .query]?.lowRank === sql.delta[0, .query]?.lowRank, "nothing is copied")
        #expect(throws: ModelError.self) { try joined.adding(branchesOf: found.delta) }
        let bare = await rig.engine.answer(RealEngine.request(question, adapter: "sql") { $0.maxTokens = 1; $0.topLogprobs = 1 })
        #expect(both.logprobs.first?.chosen.logprob != bare.logprobs.first?.chosen.logprob, "the fact acts beside the adapter")
    }

    @Test("a name that is no memory is refused")
    func noMemory() async throws {
        let rig = try Rig()
        defer { rig.end() }
        let plain = await rig.engine.answer(RealEngine.request("hi") { $0.memories = ["sql"] })
        #expect(plain.failure?.code == .invalidRequest && plain.failure?.message.contains("sql") == true)
        let missing = await rig.engine.answer(RealEngine.request("hi") { $0.memories = ["nothing"] })
        #expect(missing.failure?.code == .memoryNotFound)
    }

    @Test("without an encoder, or with one of another length, the adapter is refused with the reason")
    func noEncoder() async throws {
        let rig = try Rig(hasEncoder: false)
        defer { rig.end() }
        let answer = await rig.engine.answer(RealEngine.request(Self.facts[0].0, adapter: "memory"))
        #expect(answer.failure?.code == .adapterRejected)
        #expect(answer.failure?.message.contains("384 dimensions") == true)
        // Beside another adapter it is the memory that fails, so that nothing replaces the adapter.
        let beside = await rig.engine.answer(RealEngine.request(Self.facts[0].0, adapter: "sql") { $0.memories = ["memory"] })
        #expect(beside.failure?.code == .memoryRejected && beside.failure?.code.concernsAdapter == false)
        #expect(beside.failure?.message.contains("384 dimensions") == true)
    }
}
