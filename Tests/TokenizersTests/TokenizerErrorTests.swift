import Foundation
import JSON
import Testing
import Tokenizers

@Suite("Files that are no tokenizers")
struct TokenizerErrorTests {
    private func load(_ document: JSONValue) throws(TokenizerError) -> BytePairTokenizer {
        try load(bytes: document.serializedBytes())
    }

    private func load(bytes: [UInt8]) throws(TokenizerError) -> BytePairTokenizer {
        let path = NSTemporaryDirectory() + "lmoe-tokenizer-\(UUID().uuidString).json"
        _ = FileManager.default.createFile(atPath: path, contents: Data(bytes))
        defer { unlink(path) }
        return try BytePairTokenizer.load(tokenizerJSON: path)
    }

    /// A small tokenizer.json, with one place changed.
    private func document(_ keys: String..., value: JSONValue?) -> JSONValue {
        func change(_ place: JSONValue, _ keys: ArraySlice<String>) -> JSONValue? {
            guard let key = keys.first else { return value }
            guard case .object(var members) = place else { return place }
            members[key] = change(members[key] ?? .object([:]), keys.dropFirst())
            return .object(members)
        }
        let byteLevel: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true]
        let plain: JSONValue = [
            "added_tokens": [["id": 3, "content": "<s>", "special": true]], "normalizer": nil, "pre_tokenizer": byteLevel,
            "model": ["type": "BPE", "vocab": ["a": 0, "b": 1, "ab": 2], "merges": [["a", "b"]]],
        ]
        return change(plain, keys[...]) ?? plain
    }

    @Test("what is not known is named, with what is known and the place")
    func unsupported() throws {
        let rows: [(JSONValue, String, String)] = [
            (document("model", "type", value: "Unigram"), "model.type", "Unigram"),
            (document("model", "byte_fallback", value: true), "model.byte_fallback", "byte fallback"),
            (document("model", "dropout", value: 0.1), "model.dropout", "dropout"),
            (document("normalizer", value: ["type": "NFKC"]), "normalizer.type", "NFKC"),
            (document("pre_tokenizer", "type", value: "Metaspace"), "pre_tokenizer.type", "Metaspace"),
            (document("pre_tokenizer", "add_prefix_space", value: true), "pre_tokenizer.add_prefix_space", "true"),
            (document("decoder", value: ["type": "Metaspace"]), "decoder.type", "Metaspace"),
            (document("post_processor", value: ["type": "Odd"]), "post_processor.type", "Odd"),
            (
                document("pre_tokenizer", value: ["type": "Sequence", "pretokenizers": [
                    ["type": "Split", "pattern": ["Regex": "x+"], "behavior": "Isolated", "invert": false]]]),
                "pre_tokenizer.pretokenizers[0].pattern.Regex", "x+"
            ),
        ]
        for (document, path, found) in rows {
            let error = #expect(throws: TokenizerError.self) { try load(document) }
            #expect(error?.code == .unsupported && error?.path == path, "\(path): \(String(describing: error))")
            #expect(error?.message.contains(found) == true && error?.message.contains("supported: ") == true)
            #expect(error?.file != nil)
        }
    }

    @Test("contradictions say where")
    func malformed() throws {
        let rows: [(JSONValue, String)] = [
            (document("model", "merges", value: [["a", "b"], ["b", "b"]]), "model.merges[1]"),
            (document("model", "merges", value: ["a  b"]), "model.merges[0]"),
            (document("model", "merges", value: [["a"]]), "model.merges[0]"),
            (document("model", "merges", value: [7]), "model.merges[0]"),
            (document("model", "vocab", value: ["a": 0, "b": 0]), "model.vocab.b"),
            (document("model", "vocab", value: ["a": -1]), "model.vocab.a"),
            (document("model", "vocab", value: ["a": 999_999_999_999]), "model.vocab.a"),
            (document("model", "vocab", value: nil), "model.vocab"),
            (document("model", "unk_token", value: "none"), "model.unk_token"),
            (document("added_tokens", value: [["id": 0, "content": "<s>"]]), "added_tokens[0].id"),
            (document("added_tokens", value: [["id": 1, "content": "a"]]), "added_tokens[0].id"),
            (
                document("post_processor", value: ["type": "TemplateProcessing", "special_tokens": [:],
                    "single": [["SpecialToken": ["id": "<s>"]], ["Sequence": ["id": "A"]]]]),
                "post_processor.single[0].SpecialToken.id"
            ),
            (document("post_processor", value: ["type": "TemplateProcessing", "single": []]), "post_processor.single"),
        ]
        for (document, path) in rows {
            let error = #expect(throws: TokenizerError.self) { try load(document) }
            #expect(error?.code == .malformed && error?.path == path, "\(path): \(String(describing: error))")
        }
    }

    @Test("a file cut anywhere, a folder, and nothing are errors")
    func files() throws {
        let whole = document(value: nil).serializedBytes()
        #expect(try load(bytes: whole).encode("ab<s>", addSpecialTokens: true, parseSpecial: true) == [2, 3])
        for length in 0..<whole.count {
            #expect(throws: TokenizerError.self) { try load(bytes: Array(whole[..<length])) }
        }
        #expect(throws: TokenizerError.self) { try BytePairTokenizer.load(tokenizerJSON: "/") }
        let missing = #expect(throws: TokenizerError.self) { try WordPieceTokenizer.load(folder: "/nowhere") }
        #expect(missing?.code == .notFound && missing?.file == "/nowhere/tokenizer.json")
    }

    @Test("GGUF metadata that contradicts itself")
    func metadata() throws {
        func code(_ change: (inout BytePairVocabulary) -> Void) -> (TokenizerError.Code?, String?) {
            var vocabulary = BytePairVocabulary(tokens: ["a", "b", "ab"], merges: ["a b"], preTokenizer: "smollm")
            change(&vocabulary)
            let error = #expect(throws: TokenizerError.self) { try BytePairTokenizer(vocabulary: vocabulary) }
            return (error?.code, error?.path)
        }
        #expect(code { $0.preTokenizer = "bloom" } == (.unsupported, "tokenizer.ggml.pre"))
        #expect(code { $0.types = [1] } == (.malformed, "tokenizer.ggml.token_type"))
        #expect(code { $0.types = [1, 1, 9] } == (.malformed, "tokenizer.ggml.token_type[2]"))
        #expect(code { $0.merges = ["ab"] } == (.malformed, "tokenizer.ggml.merges[0]"))
        #expect(code { $0.merges = ["a a"] } == (.malformed, "tokenizer.ggml.merges[0]"))
        #expect(code { $0.tokens = [] } == (.malformed, "tokenizer.ggml.tokens"))
        #expect(code { $0.endOfSequence = 3 } == (.malformed, "tokenizer.ggml.eos_token_id"))
    }
}
