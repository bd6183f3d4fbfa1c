public import JSON

extension DataReport {
    /// Plain text with a table, each line with a line end.
    public var text: String {
        var text = ""
        for file in files { text += file.text }
        var table = [["", "examples", "tokens", "trained", "median", "95 %", "longest"]]
        for (name, set) in [("training", training), ("held out", heldOut)] {
            let share = "\((set.targetShare * 1000).rounded() / 10) %"
            let numbers = [set.medianTokens, set.tokens95, set.longestTokens].map(String.init)
            table.append([name, String(set.examples), String(set.tokens), share] + numbers)
        }
        text += Self.aligned(table)
        for (index, sequence) in sample.enumerated() {
            let name = sample.count == 1 ? "" : index == 0 ? ", chosen" : ", rejected"
            text += "\nfirst example\(name) (⟦trained⟧):\n\(sequence)\n"
        }
        return text
    }

    public var json: JSONValue {
        [
            "files": .array(files.map(\.json)), "training": training.json, "held_out": heldOut.json,
            "sample": .array(sample.map { .string($0) }),
        ]
    }

    /// The first column to the left, the others to the right.
    private static func aligned(_ table: [[String]]) -> String {
        let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.reduce(into: "") { text, row in
            let cells = zip(row, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + space : space + cell.0
            }
            text += cells.joined(separator: "  ") + "\n"
        }
    }
}

extension DataReport.File {
    fileprivate var text: String {
        var text = "\(path): \(rows) rows of \(shape.fieldList)\n"
        if !unusedFields.isEmpty { text += "  fields that are not used: \(unusedFields.joined(separator: ", "))\n" }
        for finding in DataFinding.allCases {
            guard let found = findings[finding] else { continue }
            let more = found.count > found.lines.count ? ", …" : ""
            let lines = found.lines.map(String.init).joined(separator: ", ")
            text += "  \(finding.text): \(found.count)\(finding.isDropped ? ", left out" : "") (lines \(lines)\(more))\n"
        }
        for error in errors { text += "  \(error)\n" }
        return text
    }

    fileprivate var json: JSONValue {
        var found = JSONObject()
        for finding in DataFinding.allCases {
            guard let rows = findings[finding] else { continue }
            found[finding.rawValue] = [
                "count": .integer(Int64(rows.count)), "lines": .array(rows.lines.map { .integer(Int64($0)) }),
                "left_out": .bool(finding.isDropped),
            ]
        }
        return [
            "file": .string(path), "shape": .string(shape.rawValue), "rows": .integer(Int64(rows)),
            "unused_fields": .array(unusedFields.map { .string($0) }), "findings": .object(found),
            "errors": .array(
                errors.map { error in
                    [
                        "line": error.line.map { .integer(Int64($0)) } ?? .null, "field": error.field.map { .string($0) } ?? .null,
                        "message": .string(error.message),
                    ]
                }),
        ]
    }
}

extension DataReport.Summary {
    fileprivate var json: JSONValue {
        [
            "examples": .integer(Int64(examples)), "tokens": .integer(Int64(tokens)), "trained_tokens": .integer(Int64(targets)),
            "median_tokens": .integer(Int64(medianTokens)), "tokens_95": .integer(Int64(tokens95)),
            "longest_tokens": .integer(Int64(longestTokens)),
        ]
    }
}
