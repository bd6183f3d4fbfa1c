import Foundation
import JSON
import Testing
import Tokenizers

@Suite("Byte-level BPE between tokenizer.json and GGUF's metadata")
struct BytePairVocabularyFileTests {
    private func written(_ json: JSONValue) throws -> String {
        let path = NSTemporaryDirectory() + "tokenizer-\(UUID().uuidString).json"
        try Data(json.serializedBytes()).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Texts without the added tokens of the fixtures that take spaces or match whole words, which GGUF cannot say.
    private func cases(_ name: String) throws -> [StoredCase] {
        let root = try JSONValue.parse(Array(try Data(contentsOf: URL(fileURLWithPath: StoredCase.fixture("\(name).json")))))
        let inexpressible = (root["added_tokens"]?.arrayValue ?? []).filter { token in
            ["lstrip", "rstrip", "single_word", "normalized"].contains { token[$0]?.boolValue ?? false }
        }.compactMap { $0["content"]?.stringValue }
        // By bytes: letters with marks are other characters.
        return try StoredCase.all(name).filter { stored in !inexpressible.contains { Data(stored.text.utf8).range(of: Data($0.utf8)) != nil } }
    }

    @Test("a file's tokenizer gives the same ids as GGUF's metadata, and as the file that is made of those", arguments: ["gpt2", "smollm", "llama3", "qwen2", "gpt4o"])
    func thereAndBack(name: String) throws {
        let vocabulary = try BytePairVocabulary(tokenizerJSON: StoredCase.fixture("\(name).json"))
        let path = try written(vocabulary.tokenizerJSON())
        defer { try? FileManager.default.removeItem(atPath: path) }
        let tokenizers: [any Tokenizer] = [try BytePairTokenizer(vocabulary: vocabulary), try DecoderTokenizer.load(tokenizerJSON: path)]
        let cases = try cases(name)
        #expect(cases.count > 150)
        for stored in cases {
            for tokenizer in tokenizers {
                #expect(tokenizer.encode(stored.text, addSpecialTokens: true, parseSpecial: true) == stored.ids, "\(stored.text.debugDescription)")
                #expect(tokenizer.encode(stored.text, addSpecialTokens: false, parseSpecial: false) == stored.plain, "\(stored.text.debugDescription)")
                #expect(same(tokenizer.decode(stored.ids, skipSpecialTokens: true), stored.decoded))
            }
        }
        let again = try BytePairVocabulary(tokenizerJSON: path)
        #expect(again.tokens == vocabulary.tokens && again.types == vocabulary.types && again.merges == vocabulary.merges)
        #expect(again.preTokenizer == vocabulary.preTokenizer)
    }

    @Test("tokens that begin and end a text are kept")
    func around() throws {
        var vocabulary = BytePairVocabulary(
            tokens: ["a", "b", "<s>", "</s>", "<|x|>"], types: [1, 1, 3, 3, 4], merges: [], preTokenizer: "gpt-2", beginOfSequence: 2, endOfSequence: 3,
            addBeginOfSequence: true, addEndOfSequence: true)
        vocabulary.pad(to: 7)
        #expect(vocabulary.tokens.suffix(2) == ["[PAD5]", "[PAD6]"] && vocabulary.types == [1, 1, 3, 3, 4, 5, 5])
        let path = try written(vocabulary.tokenizerJSON())
        defer { try? FileManager.default.removeItem(atPath: path) }
        let tokenizer = try DecoderTokenizer.load(tokenizerJSON: path)
        #expect(tokenizer.encode("ab<|x|>", addSpecialTokens: true, parseSpecial: true) == [2, 0, 1, 4, 3])
        #expect(tokenizer.vocabularySize == 5, "unused tokens are left out")
        let again = try BytePairVocabulary(tokenizerJSON: path)
        #expect(again.addBeginOfSequence && again.addEndOfSequence && again.beginOfSequence == 2 && again.endOfSequence == 3)
    }

    @Test("what GGUF has no name for is refused")
    func refused() throws {
        func code(_ edit: (inout JSONObject) -> Void) throws -> TokenizerError.Code? {
            let text = Array(try Data(contentsOf: URL(fileURLWithPath: StoredCase.fixture("qwen2.json"))))
            guard case .object(var root) = try JSONValue.parse(text) else { return nil }
            edit(&root)
            let path = try written(.object(root))
            defer { try? FileManager.default.removeItem(atPath: path) }
            do throws(TokenizerError) {
                _ = try BytePairVocabulary(tokenizerJSON: path)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(try code { _ in } == nil)
        // Llama.cpp takes whole words for tokens in each file of that name.
        #expect(throws: TokenizerError.self) { try BytePairVocabulary(tokenizerJSON: StoredCase.fixture("tekken.json")) }
        #expect(try code { $0["normalizer"] = .null } == .unsupported)
        #expect(try code { $0["pre_tokenizer"] = ["type": "Sequence", "pretokenizers": [["type": "Digits", "individual_digits": false], ["type": "ByteLevel", "add_prefix_space": false]]] } == .unsupported)
        let unknown = BytePairVocabulary(tokens: ["a"], merges: [], preTokenizer: "deepseek-llm")
        #expect(throws: TokenizerError.self) { try unknown.tokenizerJSON() }
    }
}
