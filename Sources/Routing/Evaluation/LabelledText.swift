internal import Files
import JSON

/// A text, and the adapter that should answer it.
public struct LabelledText: Sendable, Equatable {
    public var text: String
    /// Nil: the base.
    public var adapter: String?
    /// The line in the file, from 1 on.
    public var line: Int

    public init(text: String, adapter: String?, line: Int) {
        self.text = text
        self.adapter = adapter
        self.line = line
    }

    /// Reads JSON lines `{"text": "...", "adapter": "sql"}`. `instruction` may stand for `text`, as in example files; null, `"base"` and
    /// `"none"` say that no adapter should answer. A byte order mark is skipped.
    ///
    /// Errors: `malformedFile` with the line, also for a file without lines.
    public static func parse(_ text: String, place: String) throws(RoutingError) -> [LabelledText] {
        var lines: [LabelledText] = []
        for (number, line) in TextScan.lines(ByteOrderMark.skipped(text)).enumerated() {
            guard !TextScan.isBlank(line) else { continue }
            lines.append(try parse(line, number + 1, place: "\(place):\(number + 1)"))
        }
        guard !lines.isEmpty else {
            throw RoutingError(.malformedFile, "there is no line; expected {\"text\": \"...\", \"adapter\": \"NAME\"} in each", place: place)
        }
        return lines
    }

    private static func parse(_ line: Substring, _ number: Int, place: String) throws(RoutingError) -> LabelledText {
        let value: JSONValue
        do {
            value = try JSONValue.parse(String(line))
        } catch {
            throw RoutingError(.malformedFile, "not JSON: \(error)", place: place)
        }
        guard case .object(let object) = value, case .string(let text)? = object["text"] ?? object["instruction"],
            !TextScan.isBlank(text)
        else {
            throw RoutingError(.malformedFile, "expected {\"text\": \"...\", \"adapter\": \"NAME\"} with a text", place: place)
        }
        switch object["adapter"] {
        case .null?: return LabelledText(text: text, adapter: nil, line: number)
        case .string(let name)?:
            return LabelledText(text: text, adapter: name == "base" || name == "none" ? nil : name, line: number)
        default:
            throw RoutingError(
                .malformedFile, "expected `adapter`: the name of the one that should answer, or null for the base", place: place)
        }
    }
}
