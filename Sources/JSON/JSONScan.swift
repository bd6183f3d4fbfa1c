/// One pass over a text before jansson sees it: UTF-8, nesting depth, and the integers that need more than 64 bits.
struct JSONScan {
    /// Where each integer that `Int64` cannot hold ends, in bytes, ascending.
    private(set) var longIntegerEnds: [Int] = []

    init(_ text: UnsafeRawBufferPointer, maxDepth: Int) throws(JSONError) {
        var depth = 0
        var index = 0
        var inString = false
        while index < text.count {
            let byte = text[index]
            if byte >= 0x80 {
                index += try Self.sequenceLength(text, at: index)
                continue
            }
            if inString {
                if byte == UInt8(ascii: "\"") { inString = false }
                // An escaped character is skipped, unless it is no ASCII: then the loop has to validate it.
                index += byte == UInt8(ascii: "\\") && index + 1 < text.count && text[index + 1] < 0x80 ? 2 : 1
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                inString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                if depth > maxDepth {
                    throw JSONError(
                        .tooDeep, "arrays and objects are nested deeper than \(maxDepth) levels",
                        position: .init(offset: index, in: text))
                }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                index = scanNumber(text, from: index)
                continue
            default:
                break
            }
            index += 1
        }
    }

    /// Notes a long integer and answers the offset behind the digits (of an integer part only: the rest is harmless).
    private mutating func scanNumber(_ text: UnsafeRawBufferPointer, from start: Int) -> Int {
        var end = start + 1
        while end < text.count, text[end] &- UInt8(ascii: "0") < 10 { end += 1 }
        guard end - start >= 19 else { return end }
        if end < text.count {
            switch text[end] {
            case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): return end
            default: break
            }
        }
        let digits = String(decoding: UnsafeRawBufferPointer(rebasing: text[start..<end]), as: UTF8.self)
        if Int64(digits) == nil { longIntegerEnds.append(end) }
        return end
    }

    /// The length of the well-formed UTF-8 sequence of several bytes at `index` (Unicode 15, table 3-7).
    private static func sequenceLength(_ text: UnsafeRawBufferPointer, at index: Int) throws(JSONError) -> Int {
        let first = text[index]
        let (length, second): (Int, ClosedRange<UInt8>) =
            switch first {
            case 0xC2...0xDF: (2, 0x80...0xBF)
            case 0xE0: (3, 0xA0...0xBF)
            case 0xED: (3, 0x80...0x9F)
            case 0xE1...0xEF: (3, 0x80...0xBF)
            case 0xF0: (4, 0x90...0xBF)
            case 0xF1...0xF3: (4, 0x80...0xBF)
            case 0xF4: (4, 0x80...0x8F)
            default: (0, 0...0)
            }
        let wellFormed =
            length > 0 && index + length <= text.count && second.contains(text[index + 1])
            && (length < 3 || text[index + 2] & 0xC0 == 0x80) && (length < 4 || text[index + 3] & 0xC0 == 0x80)
        guard wellFormed else {
            throw JSONError(
                .invalidUTF8, "byte 0x\(String(first, radix: 16)) at offset \(index) does not begin a UTF-8 sequence",
                position: .init(offset: index, in: text))
        }
        return length
    }
}

extension JSONError.Position {
    /// Counts lines and columns up to `offset`, which may lie at the end of `text`.
    init(offset: Int, in text: UnsafeRawBufferPointer) {
        var line = 1
        var column = 1
        for byte in text[..<min(max(offset, 0), text.count)] {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.init(offset: offset, line: line, column: column)
    }
}
