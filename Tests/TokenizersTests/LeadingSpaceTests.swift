import Foundation
import JSON
import Testing
import Tokenizers

/// `Fixtures/llama.json` and `leading_space.json`, made by scripts/fixtures/leading_space.py.
@Suite("a space before a text, in each form")
struct LeadingSpaceTests {
    static let forms = ["prepend", "always", "first", "never", "split", "marked-first"]

    static func stored() throws -> JSONCursor {
        let data = try Data(contentsOf: URL(fileURLWithPath: StoredCase.fixture("leading_space.json")))
        return JSONCursor(try JSONValue.parse(Array(data)))
    }

    /// `llama.json` with other members.
    static func load(_ changes: JSONObject) throws -> any Tokenizer {
        let data = try Data(contentsOf: URL(fileURLWithPath: StoredCase.fixture("llama.json")))
        guard case .object(var document) = try JSONValue.parse(Array(data)) else { throw CancellationError() }
        for (key, value) in changes { document[key] = value }
        let path = NSTemporaryDirectory() + "lmoe-leading-space-\(UUID().uuidString).json"
        try Data(JSONValue.object(document).serializedBytes()).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        return try DecoderTokenizer.load(tokenizerJSON: path)
    }

    static func gguf(_ stored: JSONCursor, change: (inout SentencePieceVocabulary) -> Void = { _ in }) throws -> SentencePieceTokenizer {
        var vocabulary = SentencePieceVocabulary(
            tokens: try stored["tokens"].array().map { try $0.string() }, types: try stored["types"].array().map { try $0.int() },
            scores: try stored["scores"].array().map { Float(try $0.double()) }, beginOfSequence: 1, endOfSequence: 2, unknown: 0,
            addSpacePrefix: true)
        change(&vocabulary)
        return try SentencePieceTokenizer(vocabulary: vocabulary)
    }

    private func check(_ tokenizer: any Tokenizer, _ form: JSONCursor, _ texts: JSONCursor) throws {
        func ids(_ cursor: JSONCursor) throws -> [Int32] { try cursor.array().map { Int32(try $0.int()) } }
        let (cases, texts) = (try form["cases"].array(), try texts.array())
        #expect(cases.count == texts.count && cases.count > 100)
        for (stored, text) in zip(cases, texts) {
            let (wanted, text) = (try ids(stored["ids"]), try text.string())
            let found = tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true)
            #expect(found == wanted, "\(text.debugDescription)")
            #expect(tokenizer.encode(text, addSpecialTokens: true, parseSpecial: true) == [1] + wanted)
            let plain = tokenizer.encode(text, addSpecialTokens: false, parseSpecial: false)
            #expect(try plain == (stored["plain"].exists ? ids(stored["plain"]) : wanted), "\(text.debugDescription)")
            try check(tokenizer, wanted, stored["decoded"].optionalString() ?? text, skips: true)
        }
        let sequences = try form["sequences"].array()
        #expect(sequences.count > 20)
        for stored in sequences {
            try check(tokenizer, ids(stored["ids"]), stored["skipped"].string(), skips: true)
            try check(tokenizer, ids(stored["ids"]), stored["shown"].string(), skips: false)
        }
    }

    /// Whole and as a stream.
    private func check(_ tokenizer: any Tokenizer, _ ids: [Int32], _ text: String, skips: Bool) throws {
        #expect(same(tokenizer.decode(ids, skipSpecialTokens: skips), text), "\(ids): \(text.debugDescription)")
        var stream = StreamingDetokenizer(tokenizer, skipSpecialTokens: skips)
        let parts = ids.map { stream.append($0) } + [stream.finish()]
        #expect(same(parts.joined(), text), "\(ids): \(text.debugDescription)")
    }

    @Test("tokenizer.json: ids and texts are those of the reference", arguments: forms)
    func files(form: String) throws {
        let stored = try Self.stored()
        let own = stored["forms"][form]
        var changes: JSONObject = [:]
        for key in ["normalizer", "pre_tokenizer", "decoder"] { changes[key] = own[key].value ?? .null }
        try check(Self.load(changes), own, stored["texts"])
    }

    @Test("GGUF: the same, and SentencePiece's own ids where a text has no added tokens")
    func metadata() throws {
        let stored = try Self.stored()
        try check(Self.gguf(stored["gguf"]), stored["gguf"], stored["texts"])
    }

    @Test("the forms differ where they should")
    func differences() throws {
        func pieces(_ tokenizer: any Tokenizer, _ text: String) -> String {
            tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true).map { tokenizer.piece(of: $0) ?? "?" }.joined(separator: " ")
        }
        func form(_ preTokenizer: JSONValue) throws -> any Tokenizer { try Self.load(["normalizer": nil, "pre_tokenizer": preTokenizer]) }
        let prepend = try Self.load([:])
        let always = try form(["type": "Metaspace", "replacement": "▁"])
        let first = try form(["type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false])
        let never = try form(["type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "add_prefix_space": false])
        #expect(pieces(prepend, " a</s>a") == "▁ ▁a </s> ▁a")
        #expect(pieces(always, " a</s>a") == "▁a </s> ▁a")
        #expect(pieces(first, "a</s>a") == "▁a </s> a" && pieces(first, "</s>a") == "</s> a")
        #expect(pieces(never, "a a") == "a ▁a")
    }

    @Test("a text that goes on another has no mark, and a stream that does keeps its space")
    func continuing() throws {
        let tokenizer = try Self.load([:])
        let ids = tokenizer.encode("the", addSpecialTokens: false, parseSpecial: false)
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == "the")
        #expect(tokenizer.encode(continuing: " the", parseSpecial: false) == ids)
        #expect(tokenizer.encode(continuing: "the", parseSpecial: false) != ids)
        var stream = StreamingDetokenizer(tokenizer, continuesText: true)
        #expect(ids.map { stream.append($0) }.joined() == " the")
        #expect(tokenizer.bytes(of: ids[0]).first == 0x20 && tokenizer.openingBytes(of: ids[0]).first != 0x20)
    }

    @Test("forms that contradict themselves or are not known are refused with their place")
    func refusals() throws {
        let rows: [(JSONObject, String)] = [
            (["normalizer": nil], "normalizer"),
            (["pre_tokenizer": ["type": "Metaspace", "replacement": "▁"]], "pre_tokenizer.type"),
            (["normalizer": nil, "pre_tokenizer": ["type": "Metaspace", "replacement": "_"]], "pre_tokenizer.replacement"),
            (["normalizer": nil, "pre_tokenizer": ["type": "Metaspace", "prepend_scheme": "last"]], "pre_tokenizer.prepend_scheme"),
            (["normalizer": nil, "pre_tokenizer": ["type": "Metaspace", "add_prefix_space": false]], "pre_tokenizer.add_prefix_space"),
            (["pre_tokenizer": ["type": "Whitespace"]], "pre_tokenizer.type"),
            (["normalizer": ["type": "Sequence", "normalizers": [["type": "Prepend", "prepend": "_"], ["type": "NFKC"]]]],
                "normalizer.normalizers[0].prepend"),
            (["decoder": ["type": "Strip", "content": " ", "start": 1, "stop": 0]], "decoder.type"),
        ]
        for (changes, path) in rows {
            let error = #expect(throws: TokenizerError.self) { try Self.load(changes) }
            #expect(error?.path == path, "\(String(describing: error))")
        }
    }
}
