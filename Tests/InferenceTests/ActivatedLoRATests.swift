import Adapters
import Foundation
import Generation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Inference

/// Two adapters of the repository as aLoRAs that begin where the assistant's turn begins, through the engine on the real base.
@Suite("Activated LoRAs", .serialized)
struct ActivatedLoRATests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    private static let question =
        "list all files larger than 10 MB under /var that were changed within the last seven days, and sort them by their size, largest first"

    private struct Rig {
        let base: BaseModel
        let engine: Engine
        let store: AdapterStore
        let invocation: [Int32]
        private let folder: TemporaryFolder

        /// `bash` and `sql` begin at the turn, `plain` is `bash` on every token, `never` begins at tokens that no prompt has.
        init() throws {
            base = try BaseModel.open("\(root)/models/base.gguf", pool: WorkerPool(threads: 2))
            invocation = base.tokenizer.encode("<|im_start|>assistant", addSpecialTokens: false, parseSpecial: true)
            folder = try TemporaryFolder()
            let own = JSONValue.array(invocation.map { .integer(Int64($0)) })
            for (name, source, tokens) in [("bash", "bash", own), ("sql", "sql", own), ("plain", "bash", .null), ("never", "bash", [3, 4, 3, 4])] {
                let path = folder.place(name)
                try FileManager.default.copyItem(atPath: "\(root)/adapters/\(source)", toPath: path)
                guard case .object(var document) = try JSONValue.parse(try folder.read("\(name)/adapter_config.json")) else { continue }
                document["alora_invocation_tokens"] = tokens
                try folder.write(JSONValue.object(document).serialized(), to: "\(name)/adapter_config.json")
            }
            store = AdapterStore(folder: folder.path, base: base.decoder.configuration, budgetBytes: 64 << 20, element: .int8)
            _ = store.rescan()
            engine = try Engine(base: base, store: store)
        }

        func ask(_ adapter: String?, _ tokens: Int = 12, _ change: (inout GenerationRequest) -> Void = { _ in }) async -> Answer {
            await engine.answer(RealEngine.request(question, adapter: adapter, maxTokens: tokens, change))
        }
    }

    @Test("what lies before the invocation is shared with the base and with others of the kind; answers are those of an empty cache")
    func sharing() async throws {
        let rig = try Rig()
        defer { rig.engine.stop() }
        let base = await rig.ask(nil)
        let shared = try #require(base.usage?.promptTokens) / 16 * 16 - 16
        var texts: [String: String] = [:]
        for name in ["bash", "sql"] {
            let answer = await rig.ask(name)
            #expect(answer.failure == nil && answer.text != base.text)
            #expect(answer.usage?.cachedTokens ?? 0 >= shared, "\(name) takes the base's blocks")
            texts[name] = answer.text
        }
        #expect(texts["bash"] != texts["sql"])
        let again = await rig.ask(nil)
        #expect(again.text == base.text, "nothing of the adapters stays behind")
        #expect(await rig.ask("plain").usage?.cachedTokens == 0, "an adapter on every token shares nothing with the base")
        let other = try Rig()
        defer { other.engine.stop() }
        for name in ["sql", "bash"] { #expect(await other.ask(name).text == texts[name], "\(name)") }
        #expect(await other.ask(nil).text == base.text, "and the base takes theirs")
    }

    @Test("without its invocation tokens the base answers, from the base's cache")
    func withoutInvocation() async throws {
        let rig = try Rig()
        defer { rig.engine.stop() }
        let base = await rig.ask(nil)
        let answer = await rig.ask("never")
        #expect(answer.text == base.text && answer.failure == nil && answer.usage?.cachedTokens ?? 0 > 0)
    }

    @Test("the tokens are those of the base's rows up to the invocation and of the adapter's from there, computed by hand")
    func byHand() async throws {
        let rig = try Rig()
        defer { rig.engine.stop() }
        let answer = await rig.ask("bash", 4)
        let delta = try rig.store.acquire("bash").delta
        var tokens = try await rig.engine.prompt(of: RealEngine.request(Self.question, adapter: "bash")).tokens
        let start = try #require(delta.start(in: tokens))
        #expect(start > 0 && Array(tokens[start..<start + rig.invocation.count]) == rig.invocation)
        let workspace = try rig.base.makeWorkspace(maximumRows: 256)
        let cache = try rig.base.decoder.makeCache(blocks: 16)
        let logits = FloatBuffer(count: rig.base.decoder.configuration.vocabulary)
        var computed = 0
        var drawn: [Int32] = []
        for _ in 0..<4 {
            let new = Array(tokens[computed...])
            let runs = StepBatch.runs(
                0..<new.count, at: computed, blocks: (0..<16).map { $0 }, delta: delta, from: start, logits: .last)
            workspace.step(StepBatch(tokens: new, runs: runs), cache: cache, logits: logits.pointer)
            computed = tokens.count
            drawn.append(Int32(Kernels.maximumIndex(logits.pointer, count: logits.count)))
            tokens.append(drawn[drawn.count - 1])
        }
        #expect(answer.text == rig.base.tokenizer.decode(drawn, skipSpecialTokens: true))
    }

    @Test("beside others in one batch each answers as alone")
    func mixed() async throws {
        let rig = try Rig()
        defer { rig.engine.stop() }
        let names: [String?] = ["bash", "sql", "plain", nil, "never", "bash"]
        var alone: [String] = []
        for name in names { alone.append(await rig.ask(name).text) }
        let together = await withTaskGroup(of: (Int, String).self) { group in
            for (index, name) in names.enumerated() { group.addTask { (index, await rig.ask(name).text) } }
            return await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        for index in names.indices { #expect(together[index] == alone[index], "\(names[index] ?? "base")") }
    }
}
