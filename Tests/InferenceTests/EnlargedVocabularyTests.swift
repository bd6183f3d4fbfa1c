import Adapters
import Foundation
import Generation
import Models
import Tensors
import TestSupport
import Testing
import Tokenizers
import Weights

@testable import Inference

/// A token an ASCII character, as many as the tiny Llama has.
private struct LetterTokenizer: Tokenizer {
    var vocabularySize: Int { 120 }
    var beginOfSequence: Int32? { nil }
    var endOfSequence: Set<Int32> { [0] }

    func encode(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) -> [Int32] { text.utf8.map { min(Int32($0), 119) } }
    func encode(_ text: String, plainAt offsets: Set<Int>) -> [Int32] { encode(text, addSpecialTokens: false, parseSpecial: true) }
    func specialTokenOffsets(in text: String) -> [Int] { [] }
    func bytes(of token: Int32) -> [UInt8] { (1..<120).contains(token) ? [UInt8(token)] : [] }
    func isSpecial(_ token: Int32) -> Bool { token == 0 }
    func token(_ piece: String) -> Int32? { piece.utf8.count == 1 ? piece.utf8.first.map(Int32.init) : nil }
    func piece(of token: Int32) -> String? { String(decoding: bytes(of: token), as: UTF8.self) }
}

/// Adapters with tokens of their own, through the engine on the tiny Llama of 120 tokens.
@Suite("Enlarged vocabularies", .serialized)
struct EnlargedVocabularyTests {
    private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path

    private struct Rig {
        let base: BaseModel
        let engine: Engine
        let store: AdapterStore
        private let folder: TemporaryFolder

        /// The fixture, with the head's rows of its three tokens 8 times as long, so that they are drawn; two of them have names.
        init() throws {
            folder = try TemporaryFolder()
            let source = "\(tests)/ConformanceTests/Fixtures/tiny/vocabulary-copies"
            _ = try folder.makeFolder("own")
            try FileManager.default.copyItem(atPath: "\(source)/adapter_config.json", toPath: folder.place("own/adapter_config.json"))
            let tensors = try SafetensorsFile.open("\(source)/adapter_model.safetensors").tensors.values.map { view in
                guard view.name.hasSuffix("lm_head.weight") else { return view }
                let values = view.floats().enumerated().map { $0 < 120 * view.columns ? $1 : 8 * $1 }
                return try #require(values.withUnsafeBytes { TensorView(name: view.name, dtype: .f32, shape: view.shape, copying: $0) })
            }
            try SafetensorsWriter.write(Array(tensors), metadata: ["format": "pt"], to: folder.place("own/adapter_model.safetensors"))
            try folder.write(
                #"{"added_tokens":[{"id":120,"content":"<go>"},{"id":122,"content":"<stop>","special":true}]}"#, to: "own/tokenizer.json")
            let files = try ModelFiles.open("\(tests)/ModelsTests/Fixtures/tiny/llama")
            let pool = WorkerPool(threads: 2)
            base = BaseModel(
                name: "tiny", decoder: try DecoderWeights(files, precision: .fast, pool: pool), weights: BaseWeights(files), pool: pool,
                tokenizer: LetterTokenizer(), template: nil, endOfSequencePiece: "")
            store = AdapterStore(folder: folder.path, base: files.configuration, weights: BaseWeights(files), budgetBytes: 8 << 20, element: .int8)
            _ = store.rescan()
            engine = try Engine(base: base, store: store)
        }

        func request(_ text: String, adapter: String? = "own", _ change: (inout GenerationRequest) -> Void = { _ in }) -> GenerationRequest {
            var request = GenerationRequest(
                id: text, prompt: .text(text, addSpecialTokens: false, parseSpecial: true), adapter: adapter, sampling: .greedy, maxTokens: 12)
            request.topLogprobs = 2
            request.ignoreEndOfSequence = true
            change(&request)
            return request
        }
    }

    private static let prompts = ["list<go>files", "<go><stop>", "how many rivers", "a", "run <go> through <go> texas", "<stop>zz"]

    @Test("prompts are read with its tokens, for the base they are text")
    func prompts() async throws {
        let rig = try Rig()
        defer { rig.engine.stop() }
        #expect(try await rig.engine.prompt(of: rig.request("a<go>b<stop>")).tokens == [97, 120, 98, 122])
        #expect(try await rig.engine.prompt(of: rig.request("<go>", adapter: nil)).tokens == [60, 103, 111, 62])
        let ids = await rig.engine.answer(rig.request("x") { $0.prompt = .tokens([97, 121]) })
        #expect(ids.failure == nil)
        let beyond = await rig.engine.answer(rig.request("x") { $0.prompt = .tokens([97, 123]) })
        #expect(beyond.failure?.code == .invalidRequest)
        let base = await rig.engine.answer(rig.request("x", adapter: nil) { $0.prompt = .tokens([97, 120]) })
        #expect(base.failure?.code == .invalidRequest)
    }

    @Test("its tokens are drawn as by hand, with their text, alone and beside the base in one batch")
    func answers() async throws {
        let rig = try Rig()
        defer { rig.engine.stop() }
        let delta = try rig.store.acquire("own").delta
        let (workspace, stride) = (try rig.base.makeWorkspace(maximumRows: 64), rig.base.decoder.logitsStride)
        var (alone, own): ([Answer], Int) = ([], 0)
        for prompt in Self.prompts {
            var tokens = try await rig.engine.prompt(of: rig.request(prompt)).tokens
            let (cache, logits) = (try rig.base.decoder.makeCache(blocks: 4), FloatBuffer(count: stride))
            var (computed, drawn) = (0, [Int32]())
            for _ in 0..<12 {
                let run = StepBatch.Run(tokens: 0..<tokens.count - computed, startPosition: computed, blocks: [0, 1, 2, 3], delta: delta, logits: .last)
                workspace.step(StepBatch(tokens: Array(tokens[computed...]), runs: [run]), cache: cache, logits: logits.pointer, stride: stride)
                computed = tokens.count
                drawn.append(Int32(Kernels.maximumIndex(logits.pointer, count: 123)))
                tokens.append(drawn[drawn.count - 1])
            }
            let answer = await rig.engine.answer(rig.request(prompt))
            #expect(answer.logprobs.map(\.chosen.token) == drawn, "\(prompt): \(String(describing: answer.failure))")
            own += drawn.count { $0 >= 120 }
            // A special token is no text, nor is one without a name.
            #expect(answer.text.contains("<go>") == drawn.contains(120) && !answer.text.contains("<stop>"))
            alone.append(answer)
        }
        #expect(own > 0, "the test draws some of its tokens")
        let plain = await rig.engine.answer(rig.request("how many rivers", adapter: nil))
        let (engine, requests) = (rig.engine, Self.prompts.map { rig.request($0) } + [rig.request("how many rivers", adapter: nil)])
        let together = await withTaskGroup(of: (Int, String).self) { group in
            for (index, request) in requests.enumerated() { group.addTask { (index, await engine.answer(request).text) } }
            return await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
        }
        for (index, answer) in (alone + [plain]).enumerated() { #expect(together[index] == answer.text, "\(index)") }
    }

    @Test("log-probabilities of a prompt with its tokens, and answers of a form, which know the base's tokens alone")
    func scoresAndForms() async throws {
        let rig = try Rig()
        defer { rig.engine.stop() }
        let scored = await rig.engine.answer(rig.request("ab<go>c") { $0.promptLogprobs = 1 })
        #expect(scored.failure == nil && scored.prompt?.count == 4 && scored.prompt?[2]?.chosen.token == 120)
        let formed = await rig.engine.answer(rig.request("<go>") { $0.format = AnswerFormat(.choice(["ab", "cd"]), field: "choice") })
        #expect(["ab", "cd"].contains(formed.text), "\(String(describing: formed.failure))")
    }
}
