import Foundation
import Generation
import JSON
import Tuning

/// Facts of a file: rows with `question` and `answer`, and perhaps `paraphrases`, or rows of any fields that templates make sentences of.
struct FactFile {
    let path: String
    /// Of a SQLite file.
    var query: String?
    /// With fields in braces: `What is the capital of {state}?`. Nil: the field `question`.
    var question: String?
    /// Nil: the field `answer`.
    var answer: String?
    var source: String?

    /// Errors: those of the file; a row without a field that is wanted, with its line.
    func facts() throws -> [ToldFact] {
        let rows = try DataFileReader().fields(path, query: query)
        guard !rows.isEmpty else { throw Failure(message: "\(path): no rows") }
        return try rows.map { row in
            ToldFact(
                question: try text(question, "question", row), paraphrases: try paraphrases(row), answer: try text(answer, "answer", row),
                source: source)
        }
    }

    private func text(_ template: String?, _ field: String, _ row: DataFileReader.FieldRow) throws -> String {
        guard let template else { return try value(field, row) }
        var (result, rest) = ("", template[...])
        while let open = rest.firstIndex(of: "{") {
            guard let close = rest[open...].firstIndex(of: "}") else { throw Failure.usage("--\(field): `{` without `}`") }
            result += rest[..<open] + (try value(String(rest[rest.index(after: open)..<close]), row))
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }

    private func value(_ field: String, _ row: DataFileReader.FieldRow) throws -> String {
        switch row.fields[field] {
        case .string(let text): return text
        case .integer(let number): return String(number)
        case .number(let number): return Int(exactly: number).map(String.init) ?? String(number)
        case .bool(let flag): return flag ? "true" : "false"
        case nil, .null:
            let known = row.fields.keys.prefix(12).map { "`\($0)`" }.joined(separator: ", ")
            throw Failure(message: "\(path):\(row.line): no `\(field)`; the row has \(known)")
        default: throw Failure(message: "\(path):\(row.line): `\(field)` is no text")
        }
    }

    /// A list, or in a table one text with `|` between the wordings.
    private func paraphrases(_ row: DataFileReader.FieldRow) throws -> [String] {
        switch row.fields["paraphrases"] {
        case nil, .null: return []
        case .string(let text): return text.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        case .array(let entries):
            return try entries.map { entry in
                guard let text = entry.stringValue else { throw Failure(message: "\(path):\(row.line): `paraphrases` holds something that is no text") }
                return text
            }
        default: throw Failure(message: "\(path):\(row.line): `paraphrases` is no list of texts")
        }
    }
}
