/// What follows `[TOOL_CALLS]`: a JSON array of calls, or names with arguments, one after the other, with `[CALL_ID]` and an identity
/// or `[ARGS]` between them.
struct MistralCalls: CallScanner {
    private enum Place { case open, objects, name, mark, identity, beforeArguments, arguments }

    private var place = Place.open
    private var objects = ObjectCalls(.single, closings: [])
    private var name: [UInt8] = []
    private var mark: [UInt8] = []
    private var span = JSONSpan()
    /// Bytes since the end of the last call.
    private var taken = 0
    private var hasCall = false

    private static let openingArguments = Array("[ARGS]".utf8)
    private static let openingIdentity = Array("[CALL_ID]".utf8)

    mutating func take(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        taken += 1
        switch place {
        case .open:
            if byte.isJSONSpace { return .goesOn }
            let isJSON = !hasCall && (byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{"))
            place = isJSON ? .objects : .name
            return isJSON ? objects.take(byte, &sink) : takeName(byte, &sink)
        case .objects: return objects.take(byte, &sink)
        case .name: return takeName(byte, &sink)
        case .mark, .identity: return takeMark(byte)
        case .beforeArguments:
            if byte.isJSONSpace { return .goesOn }
            return byte == UInt8(ascii: "{") ? begin(byte, &sink) : noCall
        case .arguments: return takeArguments(byte, &sink)
        }
    }

    /// What follows the calls is not one.
    private var noCall: CallScan { hasCall ? .ended(unread: taken) : .failed }

    private mutating func takeName(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        switch byte {
        case UInt8(ascii: "{"): return begin(byte, &sink)
        case UInt8(ascii: "["):
            guard sink.functions[text] != nil else { return noCall }
            place = .mark
            mark = [byte]
        default:
            name.append(byte)
            guard name.count <= CallObject.longestName else { return noCall }
        }
        return .goesOn
    }

    private mutating func takeMark(_ byte: UInt8) -> CallScan {
        if place == .identity, mark.isEmpty, byte != UInt8(ascii: "[") { return .goesOn }
        mark.append(byte)
        if mark == Self.openingArguments {
            place = .beforeArguments
        } else if mark == Self.openingIdentity, place == .mark {
            place = .identity
            mark = []
        } else if !Self.openingArguments.starts(with: mark), place == .identity || !Self.openingIdentity.starts(with: mark) {
            return noCall
        }
        return .goesOn
    }

    private var text: String { String(decoding: name, as: UTF8.self).trimmed }

    private mutating func begin(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        guard sink.begin(text) else { return noCall }
        place = .arguments
        span = JSONSpan()
        return takeArguments(byte, &sink)
    }

    private mutating func takeArguments(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        let found = span.take(byte)
        guard found == .inside || found == .last else { return .failed }
        sink.append(byte)
        guard found == .last else { return .goesOn }
        sink.end()
        (place, name, taken, hasCall) = (.open, [], 0, true)
        return .goesOn
    }

    mutating func finish(_ sink: inout CallSink) -> Int? {
        if place == .objects { return objects.finish(&sink) }
        return hasCall && place != .arguments ? taken : nil
    }
}

extension String {
    /// Without white space at its ends.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
