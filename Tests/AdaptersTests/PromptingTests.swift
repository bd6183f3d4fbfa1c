import Foundation
import Testing

@testable import Adapters

/// Templates and special tokens that an adapter brings, as its files have them.
@Suite struct PromptingTests {
    private func prompting(_ files: [String: [UInt8]]) throws -> AdapterPrompting {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        for (name, bytes) in files {
            if let slash = name.lastIndex(of: "/") { _ = try folder.makeFolder("a/\(name[..<slash])") }
            try folder.write(bytes, to: "a/\(name)")
        }
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        return try store.acquire("a").prompting
    }

    private func prompting(_ files: [String: String]) throws -> AdapterPrompting { try prompting(files.mapValues { Array($0.utf8) }) }

    static let named = #"{"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]}"#

    @Test func templatesAreFoundWhereToolsWriteThem() throws {
        func templates(_ files: [String: String]) throws -> [String?] {
            let templates = try prompting(files).templates
            return [templates?.standard, templates?.tools]
        }
        #expect(try templates([:]) == [nil, nil])
        #expect(try templates(["chat_template.jinja": "J", "tokenizer_config.json": Self.named]) == ["J", nil])
        #expect(try templates(["tokenizer_config.json": Self.named]) == ["D", "T"])
        #expect(try templates(["tokenizer_config.json": #"{"chat_template": {"default": "D", "tool_use": "T"}}"#]) == ["D", "T"])
        #expect(try templates(["chat_template.json": #"{"chat_template": "C"}"#, "tokenizer_config.json": Self.named]) == ["C", nil])
        #expect(try templates(["chat_template.jinja": "J", "additional_chat_templates/tool_use.jinja": "U"]) == ["J", "U"])
        #expect(try templates(["additional_chat_templates/tool_use.jinja": "U"]) == [nil, "U"])
        #expect(try templates(["tokenizer_config.json": #"{"chat_template": null}"#]) == [nil, nil])
    }

    @Test func tokensAreFoundWhereToolsWriteThem() throws {
        #expect(try prompting(["tokenizer_config.json": #"{"eos_token": "<|im_end|>", "bos_token": null}"#]).tokens
            == AdapterTokens(endOfSequence: "<|im_end|>"))
        #expect(try prompting([
            "tokenizer_config.json": #"{"eos_token": "<a>"}"#,
            "special_tokens_map.json": #"{"eos_token": {"content": "<b>"}, "bos_token": {"content": "<s>", "lstrip": false}}"#,
            "generation_config.json": #"{"eos_token_id": [2, 7], "temperature": 0.6}"#,
        ]).tokens == AdapterTokens(endOfSequence: "<a>", beginOfSequence: "<s>", endIDs: [2, 7]))
        #expect(try prompting(["generation_config.json": #"{"eos_token_id": 2}"#]).tokens.endIDs == [2])
    }

    @Test func aByteOrderMarkIsSkippedInEveryFile() throws {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        try folder.write(mark + folder.read("a/adapter_config.json"), to: "a/adapter_config.json")
        try folder.write(mark + Array(#"{"eos_token": "<e>"}"#.utf8), to: "a/tokenizer_config.json")
        try folder.write(mark + Array("{{ messages }}".utf8), to: "a/chat_template.jinja")
        let store = AdapterStoreTests.store(folder)
        #expect(store.rescan().added == ["a"])
        let prompting = try store.acquire("a").prompting
        #expect(prompting.templates?.standard == "{{ messages }}" && prompting.tokens.endOfSequence == "<e>")
    }

    @Test(arguments: [
        ("tokenizer_config.json", #"{"chat_template": 3}"#), ("tokenizer_config.json", #"{"chat_template": [{"name": "default"}]}"#),
        ("tokenizer_config.json", #"{"chat_template": {"rag": "x"}}"#), ("tokenizer_config.json", #"{"eos_token": 3}"#),
        ("tokenizer_config.json", "[1,]"), ("special_tokens_map.json", #"{"bos_token": []}"#),
        ("generation_config.json", #"{"eos_token_id": "x"}"#), ("generation_config.json", #"{"eos_token_id": [-1]}"#),
        ("chat_template.jinja", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"),
    ])
    func whatCannotBeReadIsRefused(file: String, text: String) throws {
        let error = try RefusalTests.refusal(files: { try $0.write(text, to: "a/\(file)") })
        #expect([.malformed, .unsupported].contains(error.code) && error.file == file, "\(error)")
    }

    @Test func theVersionDependsOnThem() throws {
        func version(_ files: [String: String]) throws -> String {
            let folder = try TemporaryFolder()
            try TinyAdapter().write(to: "\(folder.path)/a")
            for (name, text) in files { try folder.write(text, to: "a/\(name)") }
            let store = AdapterStoreTests.store(folder)
            _ = store.rescan()
            return try store.acquire("a").version
        }
        let versions = [
            try version([:]), try version(["chat_template.jinja": "J"]), try version(["tokenizer_config.json": Self.named]),
            try version(["tokenizer_config.json": #"{"eos_token": "<a>"}"#]), try version(["generation_config.json": #"{"eos_token_id": 2}"#]),
        ]
        #expect(Set(versions).count == versions.count)
        #expect(try version(["generation_config.json": #"{"temperature": 1}"#]) == versions[0])
    }

    /// The check is given by whoever makes the store.
    @Test func aTemplateThatTheCheckRefusesRefusesTheAdapter() throws {
        let folder = try TemporaryFolder()
        for name in ["bad", "good", "plain"] { try TinyAdapter().write(to: "\(folder.path)/\(name)") }
        for name in ["bad", "good"] { try folder.write(name, to: "\(name)/chat_template.jinja") }
        let check: PromptingCheck = { (prompting) throws(AdapterError) in
            guard prompting.templates?.standard != "bad" else { throw AdapterError(.malformed, "no template", file: "chat_template.jinja") }
            return ["a notice"]
        }
        let store = AdapterStore(folder: folder.path, base: TinyBase.llama, budgetBytes: 1 << 20, check: check)
        let changes = store.rescan()
        #expect(changes.added == ["good", "plain"] && changes.rejected["bad"]?.message == "no template")
        #expect(try store.acquire("good").summary.notices == ["a notice"] && store.acquire("plain").summary.notices.isEmpty)
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/bad", base: TinyBase.llama, check: check)
        #expect(!inspection.takesEffect && inspection.problems.map(\.message) == ["no template"])
    }
}
