@testable import Hub
import Testing

@Suite struct FileChoiceTests {
    private func choice(_ reference: String, _ names: [String], _ wish: FileWish = FileWish()) throws -> FileChoice {
        try FileChoice(HubReference(reference), wish, among: names.map { HubFile(name: $0, size: 1 << 20) }, limits: HubLimits())
    }

    private func names(_ choice: FileChoice) -> Set<String> { Set(choice.files.map(\.name)) }

    private let model = [
        ".gitattributes", "README.md", "LICENSE", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors",
        "pytorch_model.bin", "onnx/model.onnx", "onnx/config.json", "train.py", "additional_chat_templates/tool_use.jinja", "optimizer.pt",
    ]

    @Test func aModelIsItsWeightsTokenizerTemplatesAndPapers() throws {
        let choice = try choice("acme/tiny", model)
        #expect(choice.main == .folder && !choice.isAdapter)
        #expect(names(choice) == [
            "README.md", "LICENSE", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors",
            "additional_chat_templates/tool_use.jinja",
        ])
    }

    @Test func shardsAreTakenWhereThereIsNoWholeFile() throws {
        let shards = ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
        #expect(names(try choice("acme/tiny", shards)) == Set(shards))
        #expect(names(try choice("acme/tiny", shards + ["model.safetensors"])) == ["config.json", "model.safetensors"])
    }

    @Test func anAdapterIsToldFromAModel() throws {
        let adapter = ["README.md", "adapter_config.json", "adapter_model.safetensors", "route.yaml", "tokenizer.json", "training_args.bin", "expert_sql.jsonl"]
        let alone = try choice("acme/lora", adapter)
        #expect(alone.isAdapter && names(alone) == Set(adapter).subtracting(["training_args.bin"]))
        #expect(!(try choice("acme/lora", adapter + ["config.json", "model.safetensors"]).isAdapter))
        let asked = try choice("acme/lora", adapter + ["config.json", "model.safetensors"], FileWish(isAdapter: true))
        #expect(asked.isAdapter && !names(asked).contains("model.safetensors") && !names(asked).contains("config.json"))
    }

    private let quantised = ["README.md", "tiny-F16.gguf", "tiny-Q4_K_M.gguf", "tiny-Q4_K_S.gguf", "tiny-Q8_0.gguf", "mmproj-F16.gguf", "x/tiny-Q4_K_M_L.gguf"]

    @Test(arguments: [("Q4_K_M", "tiny-Q4_K_M.gguf"), ("q8_0", "tiny-Q8_0.gguf"), ("tiny-F16.gguf", "tiny-F16.gguf"), ("Q4_K_M_L", "x/tiny-Q4_K_M_L.gguf")])
    func aQuantisationOrANameChoosesAGGUF(word: String, file: String) throws {
        let choice = try choice("acme/tiny:\(word)", quantised)
        #expect(choice.main == .file(file) && names(choice) == [file, "README.md"])
    }

    @Test func severalGGUFsAreListedAndNoneIsGuessed() throws {
        let error = try #require(throws: HubError.self) { try choice("acme/tiny", quantised) }
        #expect(error.code == .ambiguous && error.message.contains("hf:acme/tiny:F16") && error.message.contains("\n  tiny-Q8_0.gguf  1 MiB"))
        #expect(!error.message.contains("mmproj"))
        let twice = try #require(throws: HubError.self) { try choice("acme/tiny:tiny", quantised) }
        #expect(twice.code == .ambiguous)
        let none = try #require(throws: HubError.self) { try choice("acme/tiny:Q2_K", quantised) }
        #expect(none.code == .fileNotFound && none.message.contains("tiny-Q4_K_S.gguf"))
        #expect(try choice("acme/tiny", quantised, FileWish(exclude: ["*Q4*", "*F16*"])).main == .file("tiny-Q8_0.gguf"))
    }

    @Test func aModelInSeveralGGUFFilesIsRefused() throws {
        let error = try #require(throws: HubError.self) { try choice("acme/tiny:Q8_0", ["a-Q8_0-00001-of-00002.gguf", "a-Q8_0-00002-of-00002.gguf"]) }
        #expect(error.code == .fileNotFound && error.message.contains("several GGUF files"))
    }

    @Test func patternsDecideAloneAndNeverFetchCode() throws {
        let some = try choice("acme/tiny", model, FileWish(include: ["*.json"], exclude: ["onnx/*", "generation*"]))
        #expect(names(some) == ["config.json", "tokenizer.json", "tokenizer_config.json", "README.md", "LICENSE"])
        let all = try choice("acme/tiny", model, FileWish(include: ["*"]))
        for name in ["pytorch_model.bin", "optimizer.pt", "train.py", ".gitattributes", "onnx/model.onnx"] { #expect(!names(all).contains(name)) }
        let pickle = try #require(throws: HubError.self) { try choice("acme/tiny", model, FileWish(include: ["*.bin"])) }
        #expect(pickle.code == .pickle)
        #expect(throws: HubError.self) { try choice("acme/tiny", model, FileWish(include: ["*.onnx2"])) }
    }

    @Test func picklesAreNamedAndNotTaken() throws {
        for (wish, files) in [
            (FileWish(), ["config.json", "pytorch_model.bin"]), (FileWish(isAdapter: true), ["adapter_config.json", "adapter_model.bin"]),
        ] {
            let error = try #require(throws: HubError.self) { try choice("acme/old", files, wish) }
            #expect(error.code == .pickle)
        }
        let named = try #require(throws: HubError.self) { try choice("acme/old:pytorch_model.bin", model) }
        #expect(named.code == .pickle)
        let nothing = try #require(throws: HubError.self) { try choice("acme/old", ["README.md"]) }
        #expect(nothing.code == .fileNotFound)
    }
}
