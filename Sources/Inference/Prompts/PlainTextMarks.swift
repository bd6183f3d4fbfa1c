import Generation
import JSON
import Tokenizers

/// Keeps special tokens that a client wrote plain text on their way through a chat template.
///
/// A mark, a noncharacter that the conversation does not hold, is put before each of them. After rendering the marks are taken out,
/// and what followed one is plain text for the tokenizer. A conversation without special tokens is not touched, so its prompt is the
/// same to the bit. A template that looks at a marked text sees one scalar more.
struct PlainTextMarks {
    private let tokenizer: any Tokenizer
    private let mark: [UInt8]
    /// The mark as JSON and Python write it in ASCII.
    private let escape: [UInt8]

    private static let marks: ClosedRange<UInt32> = 0xFDD0...0xFDEF

    /// Nil when no text holds a special token. Errors: `invalidRequest` when the texts hold each of the 32 marks.
    init?(for values: [JSONValue], _ tokenizer: any Tokenizer) throws(GenerationError) {
        var texts: [String] = []
        for value in values { Self.collect(value, into: &texts) }
        guard texts.contains(where: { !tokenizer.specialTokenOffsets(in: $0).isEmpty }) else { return nil }
        for candidate in Self.marks {
            guard let scalar = Unicode.Scalar(candidate) else { continue }
            let mark = Array(String(Character(scalar)).utf8)
            let escape = Array("\\u\(String(candidate, radix: 16))".utf8)
            let isUsed = texts.contains { text in
                Self.occurs(mark, in: text) || Self.occurs(escape, in: text)
            }
            if !isUsed {
                (self.tokenizer, self.mark, self.escape) = (tokenizer, mark, escape)
                return
            }
        }
        throw GenerationError(
            .invalidRequest, "the messages hold special tokens and all noncharacters from U+FDD0 to U+FDEF; leave one of them out")
    }

    /// The value with a mark before each special token of its texts.
    func marked(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(marked(text))
        case .array(let elements): .array(elements.map(marked))
        case .object(let members): .object(JSONObject(members.map { (marked($0.key), marked($0.value)) }))
        default: value
        }
    }

    /// The text without the marks, and where what followed them begins in its UTF-8.
    func removed(from text: String) -> (text: String, plain: Set<Int>) {
        let bytes = Array(text.utf8)
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        var offsets: Set<Int> = []
        var index = 0
        while index < bytes.count {
            let length = [mark, escape].first { bytes[index] == $0[0] && bytes[index...].starts(with: $0) }?.count ?? 0
            if length > 0 { offsets.insert(kept.count) } else { kept.append(bytes[index]) }
            index += max(length, 1)
        }
        return (String(decoding: kept, as: UTF8.self), offsets)
    }

    private func marked(_ text: String) -> String {
        let offsets = tokenizer.specialTokenOffsets(in: text)
        guard !offsets.isEmpty else { return text }
        let bytes = Array(text.utf8)
        var marked: [UInt8] = []
        marked.reserveCapacity(bytes.count + offsets.count * mark.count)
        var start = 0
        for offset in offsets {
            marked += bytes[start..<offset]
            marked += mark
            start = offset
        }
        marked += bytes[start...]
        return String(decoding: marked, as: UTF8.self)
    }

    private static func collect(_ value: JSONValue, into texts: inout [String]) {
        switch value {
        case .string(let text): texts.append(text)
        case .array(let elements): for element in elements { collect(element, into: &texts) }
        case .object(let members):
            for member in members {
                texts.append(member.key)
                collect(member.value, into: &texts)
            }
        default: break
        }
    }

    private static func occurs(_ wanted: [UInt8], in text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            bytes.indices.contains { bytes[$0] == wanted[0] && bytes[$0...].starts(with: wanted) }
        }
    }
}
