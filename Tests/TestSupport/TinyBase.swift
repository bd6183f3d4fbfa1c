import Foundation

/// A folder with the small Llama of the model tests, a tokenizer whose tokens are characters, and room for data and adapters.
public struct TinyBase: Sendable {
    public let folder: URL

    public init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-tiny-\(UUID().uuidString)")
        let base = folder.appendingPathComponent("base")
        try FileManager.default.createDirectory(at: base, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(at: folder.appendingPathComponent("adapters"), withIntermediateDirectories: true)
        let source = URL(fileURLWithPath: Checkout.path).appendingPathComponent("Tests/ModelsTests/Fixtures/tiny/llama")
        for name in ["config.json", "model.safetensors"] {
            try FileManager.default.copyItem(at: source.appendingPathComponent(name), to: base.appendingPathComponent(name))
        }
        try Self.tokenizer.write(to: base.appendingPathComponent("tokenizer.json"))
    }

    public func remove() { try? FileManager.default.removeItem(at: folder) }

    public func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// Settings of commands that use it.
    public var environment: [String: String] {
        ["LMOE_BASE": path("base"), "LMOE_ADAPTERS": path("adapters"), "LMOE_ENCODER": "none", "LMOE_THREADS": "1"]
    }

    /// Writes rows as JSON lines. Returns the path.
    @discardableResult
    public func write(_ name: String, _ rows: [[String: Any]]) throws -> String {
        let lines = try rows.map { String(decoding: try JSONSerialization.data(withJSONObject: $0, options: .sortedKeys), as: UTF8.self) }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: folder.appendingPathComponent(name))
        return path(name)
    }

    /// `count` sums with their answers.
    public static func sums(_ count: Int) -> [[String: Any]] {
        (0..<count).map { ["prompt": "\($0) plus \($0 + 3) is", "completion": " \(2 * $0 + 3)."] }
    }

    /// Byte-level BPE without merges: 3 special tokens and the printable characters of ASCII.
    private static var tokenizer: Data {
        get throws {
            let special = ["<unk>", "<s>", "</s>"]
            // As byte-level BPE spells them: a space is Ġ.
            let characters = (32...126).map { code in code == 32 ? "\u{120}" : String(UnicodeScalar(UInt8(code))) }
            let vocabulary = Dictionary(uniqueKeysWithValues: (special + characters).enumerated().map { ($0.element, $0.offset) })
            let added = special.enumerated().map { id, content -> [String: Any] in
                [
                    "id": id, "content": content, "special": true, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false,
                ]
            }
            let level: [String: Any] = ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true]
            let document: [String: Any] = [
                "version": "1.0", "truncation": NSNull(), "padding": NSNull(), "added_tokens": added, "normalizer": NSNull(),
                "pre_tokenizer": level, "post_processor": NSNull(), "decoder": level,
                "model": [
                    "type": "BPE", "dropout": NSNull(), "unk_token": NSNull(), "continuing_subword_prefix": NSNull(),
                    "end_of_word_suffix": NSNull(), "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary, "merges": [String](),
                ] as [String: Any],
            ]
            return try JSONSerialization.data(withJSONObject: document)
        }
    }
}
