import JSON

/// JSON lines of example prompts: `{"instruction": "..."}` (airoboros), `{"text": "..."}` or a bare string a line.
enum ExampleLines {
    static func parse(_ text: String, place: String) throws(RoutingError) -> [String] {
        var examples: [String] = []
        for (number, line) in TextScan.lines(text).enumerated() {
            let at = "\(place):\(number + 1)"
            guard !TextScan.isBlank(line) else { continue }
            let value: JSONValue
            do {
                value = try JSONValue.parse(String(line))
            } catch {
                throw RoutingError(.malformedFile, "not JSON: \(error)", place: at)
            }
            switch value {
            case .string(let text):
                examples.append(text)
            case .object(let object):
                guard case .string(let text)? = object["instruction"] ?? object["text"] else {
                    throw RoutingError(
                        .malformedFile, "expected {\"instruction\": \"...\"} with the prompt's text", place: at)
                }
                examples.append(text)
            default:
                throw RoutingError(
                    .malformedFile, "expected {\"instruction\": \"...\"} or a JSON string", place: at)
            }
        }
        return examples
    }
}
