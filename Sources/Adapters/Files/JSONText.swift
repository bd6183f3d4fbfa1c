internal import Files
internal import JSON

/// JSON files of an adapter's folder.
enum JSONText {
    /// A byte order mark is skipped. Errors: `notReady` when the text ends too early, as one does that is still being copied,
    /// `malformed` otherwise.
    static func parse(_ bytes: [UInt8], file: String) throws(AdapterError) -> JSONValue {
        let text = ByteOrderMark.skipped(bytes)
        do throws(JSONError) {
            return try JSONValue.parse(Array(text), maxDepth: 32)
        } catch {
            if let foreign = ForeignContent.error(bytes, expected: "JSON", isText: true, file: file) { throw foreign }
            let isCut = error.code == .syntax && isCutOff(text)
            throw AdapterError(isCut ? .notReady : .malformed, "not valid JSON: \(error)", file: file)
        }
    }

    /// Whether a text ends before its brackets are closed: the beginning of a longer one. Only space counts as one, too.
    private static func isCutOff(_ text: ArraySlice<UInt8>) -> Bool {
        var depth = 0
        var isInString = false
        var isEscaped = false
        var isEmpty = true
        for byte in text {
            if !isSpace(byte) { isEmpty = false }
            if isInString {
                if isEscaped { isEscaped = false } else if byte == UInt8(ascii: "\\") { isEscaped = true } else if byte == UInt8(ascii: "\"") { isInString = false }
                // A string has no control character: what follows one is not the rest of a copy.
                if byte < 0x20 { return false }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            if depth < 0 { return false }
        }
        return isEmpty || isInString || depth > 0
    }

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
}
