import Foundation
import JSON
import Tokenizers

/// Rows of `Fixtures/<name>.cases.json`, made by scripts/fixtures/tokenizer_cases.py.
struct StoredCase {
    let text: String
    let ids: [Int32]
    /// With special tokens in the text not read as such.
    let plain: [Int32]
    let decoded: String
    /// MiniLM only: at most 8 tokens.
    let cut: [Int32]

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    static func fixture(_ name: String) -> String { "\(root)/Tests/TokenizersTests/Fixtures/\(name)" }

    static func all(_ name: String) throws -> [StoredCase] {
        let document = try JSONValue.parse(Array(try Data(contentsOf: URL(fileURLWithPath: fixture("\(name).cases.json")))))
        return try JSONCursor(document).array().map { row in
            func ids(_ key: String) throws -> [Int32]? { try row[key].optionalArray()?.map { Int32(try $0.int()) } }
            let text = try row["text"].string()
            let all = try ids("ids") ?? []
            return StoredCase(
                text: text, ids: all, plain: try ids("plain") ?? all,
                decoded: try row["decoded"].optionalString() ?? text, cut: try ids("cut") ?? all)
        }
    }
}

/// Whether two texts are the same bytes; `==` also equates equivalent spellings.
func same(_ left: String, _ right: String) -> Bool { left.utf8.elementsEqual(right.utf8) }
