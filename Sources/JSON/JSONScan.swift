/// One pass over a text before jansson sees it: UTF-8, nesting depth, the number of elements, and what jansson cannot hold.
struct JSONScan {
    /// The digits that an integer may have, as in Python.
    static let maximumDigits = 4_300

    /// What jansson cannot hold, in the order of the text.
    private(set) var standIns: [JSONStandIn.Place] = []

    private let text: UnsafeRawBufferPointer
    private let maxDepth: Int
    private let maxElements: Int
    private var index = 0
    private var depth = 0
    /// Commas and opening brackets: no fewer than the elements and members of all arrays and objects.
    private var elements = 0

    init(_ text: UnsafeRawBufferPointer, maxDepth: Int, maxElements: Int) throws(JSONError) {
        self.text = text
        self.maxDepth = maxDepth
        self.maxElements = maxElements
        while index < text.count { try scanToken() }
    }

    private mutating func scanToken() throws(JSONError) {
        switch text[index] {
        case UInt8(ascii: "\""):
            try scanString()
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            depth += 1
            if depth > maxDepth {
                throw error(.tooDeep, "arrays and objects are nested deeper than \(maxDepth) levels", at: index)
            }
            try countElement()
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            index += 1
        case UInt8(ascii: ","):
            try countElement()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try scanNumber()
        case 0:
            // jansson loses a NUL behind a number or a literal.
            throw error(.syntax, "a NUL byte outside of a string", at: index)
        case 0x80...:
            index += try sequenceLength(at: index)
        default:
            index += 1
        }
    }

    private mutating func countElement() throws(JSONError) {
        elements += 1
        guard elements <= maxElements else {
            throw error(.tooMany, "arrays and objects have more than \(maxElements) elements in all", at: index)
        }
        index += 1
    }

    /// jansson refuses a NUL in a key, so those of a string that turns out to be a key get a stand-in.
    private mutating func scanString() throws(JSONError) {
        let before = standIns.count
        index += 1
        while index < text.count {
            let byte = text[index]
            switch byte {
            case 0x80...:
                index += try sequenceLength(at: index)
            case UInt8(ascii: "\""):
                index += 1
                if standIns.count > before, !isBeforeColon(index) { standIns.removeSubrange(before...) }
                return
            case UInt8(ascii: "\\"):
                if isNulEscape(at: index) {
                    standIns.append(.init(kind: .nul, range: index..<index + 6))
                    index += 6
                } else {
                    // The escaped character is skipped, unless it is not ASCII: then the loop has to validate it.
                    index += index + 1 < text.count && text[index + 1] < 0x80 ? 2 : 1
                }
            default:
                index += 1
            }
        }
    }

    private func isNulEscape(at index: Int) -> Bool {
        guard index + 6 <= text.count, text[index + 1] == UInt8(ascii: "u") else { return false }
        return text[(index + 2)..<(index + 6)].allSatisfy { $0 == UInt8(ascii: "0") }
    }

    /// Whether the next byte that is not white space is a colon: then a key ended before it.
    private func isBeforeColon(_ index: Int) -> Bool {
        var next = index
        while next < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[next]) { next += 1 }
        return next < text.count && text[next] == UInt8(ascii: ":")
    }

    /// Goes behind the number, and notes it if it is an integer that `Int64` cannot hold.
    private mutating func scanNumber() throws(JSONError) {
        let start = index
        index += 1
        while index < text.count, text[index] &- UInt8(ascii: "0") < 10 { index += 1 }
        let digitsEnd = index
        while index < text.count, Self.continuesNumber(text[index]) { index += 1 }
        // What is malformed is left to jansson, whose error says what it is.
        guard digitsEnd == index, index - start >= 19, !isBeforeColon(index) else { return }
        let first = text[start] == UInt8(ascii: "-") ? start + 1 : start
        guard text[first] != UInt8(ascii: "0") else { return }
        guard index - first <= Self.maximumDigits else {
            throw error(.numberOutOfRange, "an integer of more than \(Self.maximumDigits) digits", at: start)
        }
        let digits = String(decoding: UnsafeRawBufferPointer(rebasing: text[start..<index]), as: UTF8.self)
        if Int64(digits) == nil { standIns.append(.init(kind: .longInteger, range: start..<index)) }
    }

    private static func continuesNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"), UInt8(ascii: "+"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// The length of the well-formed UTF-8 sequence of several bytes at `index` (Unicode 15, table 3-7).
    private func sequenceLength(at index: Int) throws(JSONError) -> Int {
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
            throw error(.invalidUTF8, "byte 0x\(String(first, radix: 16)) at offset \(index) does not begin a UTF-8 sequence", at: index)
        }
        return length
    }

    private func error(_ code: JSONError.Code, _ message: String, at offset: Int) -> JSONError {
        JSONError(code, message, position: .init(offset: offset, in: text))
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
