import JSON

/// The choices of a multiple-choice row: a list of strings, or ARC's object with the lists `text` and `label`.
struct ChoiceReader {
    let texts: [String]
    private let labels: [String]

    private static let count = 2...64

    init(_ field: JSONCursor) throws(JSONError) {
        let isLabelled = if case .object? = field.value { true } else { false }
        texts = try Self.strings(isLabelled ? field["text"] : field)
        labels = isLabelled ? try Self.strings(field["label"]) : []
        guard Self.count ~= texts.count else {
            throw field.invalid("expected \(Self.count.lowerBound) to \(Self.count.upperBound) choices, found \(texts.count)")
        }
        guard labels.isEmpty || labels.count == texts.count else {
            throw field.invalid("\(texts.count) choices have \(labels.count) labels")
        }
    }

    private static func strings(_ field: JSONCursor) throws(JSONError) -> [String] {
        var strings: [String] = []
        for element in try field.array() { strings.append(try element.string()) }
        return strings
    }

    /// Which one is right: its index from 0, its text, its label, its letter from A, or its index as text, in this order.
    func index(_ field: JSONCursor) throws(JSONError) -> Int {
        if let text = field.value?.stringValue {
            if let place = texts.firstIndex(of: text) ?? labels.firstIndex(of: text) { return place }
            if let place = letter(text) ?? Int(text), texts.indices.contains(place) { return place }
            throw field.invalid("none of the \(texts.count) choices; expected an index from 0, a letter from A, or the text of a choice")
        }
        return try field.int(in: 0...texts.count - 1)
    }

    private func letter(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        guard bytes.count == 1, bytes[0] | 0x20 >= UInt8(ascii: "a"), bytes[0] | 0x20 <= UInt8(ascii: "z") else { return nil }
        return Int(bytes[0] | 0x20) - Int(UInt8(ascii: "a"))
    }
}
