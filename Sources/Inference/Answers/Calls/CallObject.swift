import JSON

/// One call as a JSON object with `name` and `arguments` or `parameters`, in any order; other members are skipped. Gets the object's
/// bytes from its `{` to its `}`.
struct CallObject: Sendable {
    /// Bytes of a key or of a function's name.
    static let longestName = 512
    /// Bytes of arguments that come before the name.
    static let mostHeldBytes = 1 << 16

    private enum Place { case start, firstKey, nextKey, key, colon, value, name, arguments, text, other, afterValue, done }

    private var place = Place.start
    private var key: [UInt8] = []
    private var isEscaped = false
    private var span = JSONSpan()
    private var text = JSONStringText()
    private var hasName = false
    private var name = ""
    private var hasArguments = false
    /// Arguments that came before the name.
    private var held: [UInt8] = []

    var isDone: Bool { place == .done }

    /// False: this is no call.
    mutating func take(_ byte: UInt8, _ sink: inout CallSink) -> Bool {
        switch place {
        case .start:
            place = .firstKey
            return byte == UInt8(ascii: "{")
        case .firstKey, .nextKey:
            if byte.isJSONSpace { return true }
            if byte == UInt8(ascii: "}"), place == .firstKey { return end(&sink) }
            guard byte == UInt8(ascii: "\"") else { return false }
            key = []
            place = .key
            return true
        case .key, .name: return takeName(byte, &sink)
        case .colon:
            if byte == UInt8(ascii: ":") { place = .value }
            return byte == UInt8(ascii: ":") || byte.isJSONSpace
        case .value: return byte.isJSONSpace || beginValue(byte, &sink)
        case .arguments, .other: return takeValue(byte, &sink)
        case .text: return takeText(byte, &sink)
        case .afterValue:
            if byte.isJSONSpace { return true }
            if byte == UInt8(ascii: ",") { place = .nextKey }
            return byte == UInt8(ascii: ",") || (byte == UInt8(ascii: "}") && end(&sink))
        case .done: return false
        }
    }

    /// A key, or the function's name.
    private mutating func takeName(_ byte: UInt8, _ sink: inout CallSink) -> Bool {
        guard byte == UInt8(ascii: "\""), !isEscaped else {
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
            key.append(byte)
            return key.count <= Self.longestName
        }
        if place == .key {
            place = .colon
            return true
        }
        place = .afterValue
        hasName = true
        name = JSONStringText.decoded(key)
        guard hasArguments else { return sink.functions[name] != nil }
        guard sink.begin(name) else { return false }
        sink.append(held)
        held = []
        return true
    }

    private mutating func beginValue(_ byte: UInt8, _ sink: inout CallSink) -> Bool {
        let isQuote = byte == UInt8(ascii: "\"")
        switch JSONStringText.decoded(key) {
        case "name" where !hasName:
            key = []
            place = .name
            return isQuote
        case "arguments" where !hasArguments, "parameters" where !hasArguments: return beginArguments(byte, isText: isQuote, &sink)
        default:
            place = .other
            span = JSONSpan()
            return takeValue(byte, &sink)
        }
    }

    /// An object, its text as a string, or null for none.
    private mutating func beginArguments(_ byte: UInt8, isText: Bool, _ sink: inout CallSink) -> Bool {
        guard isText || byte == UInt8(ascii: "{") else {
            place = .other
            span = JSONSpan()
            return byte == UInt8(ascii: "n") && takeValue(byte, &sink)
        }
        hasArguments = true
        if hasName, !sink.begin(name) { return false }
        place = isText ? .text : .arguments
        text = JSONStringText()
        span = JSONSpan()
        return isText || takeValue(byte, &sink)
    }

    private mutating func takeValue(_ byte: UInt8, _ sink: inout CallSink) -> Bool {
        switch span.take(byte) {
        case .wrong: return false
        case .inside: return place == .other || pass([byte], &sink)
        case .last:
            defer { place = .afterValue }
            return place == .other || pass([byte], &sink)
        case .after:
            place = .afterValue
            return take(byte, &sink)
        }
    }

    private mutating func takeText(_ byte: UInt8, _ sink: inout CallSink) -> Bool {
        guard let decoded = text.take(byte) else {
            place = .afterValue
            return true
        }
        return pass(decoded, &sink)
    }

    private mutating func pass(_ bytes: [UInt8], _ sink: inout CallSink) -> Bool {
        guard !hasName else {
            sink.append(bytes)
            return true
        }
        held += bytes
        return held.count <= Self.mostHeldBytes
    }

    private mutating func end(_ sink: inout CallSink) -> Bool {
        guard hasName else { return false }
        if !hasArguments, !sink.begin(name) { return false }
        sink.end()
        place = .done
        return true
    }
}
