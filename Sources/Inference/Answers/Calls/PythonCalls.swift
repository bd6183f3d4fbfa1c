import Generation
import JSON

/// A Python list of calls with keyword arguments, as it is or between marks; an array of JSON objects is read, too.
struct PythonCalls: CallScanner {
    private enum Place { case open, element, call, after, objects, closing }

    /// Bytes of one call.
    static let longestCall = 1 << 18

    private let closings: [String]
    private var closing: ClosingText
    private var objects: ObjectCalls
    private var place = Place.open
    private var call: [UInt8] = []
    /// Open brackets of the call.
    private var depth = 0
    /// The quote that ends the string that is being read.
    private var quote: UInt8?
    private var isEscaped = false
    private var hasCall = false

    init(closings: [String]) {
        self.closings = closings
        closing = ClosingText(closings)
        objects = ObjectCalls(.single, closings: closings)
    }

    mutating func take(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        switch place {
        case .open:
            if byte.isJSONSpace { return .goesOn }
            place = .element
            return byte == UInt8(ascii: "[") ? .goesOn : .failed
        case .element:
            if byte.isJSONSpace { return .goesOn }
            if byte == UInt8(ascii: "{"), !hasCall {
                place = .objects
                _ = objects.take(UInt8(ascii: "["), &sink)
                return objects.take(byte, &sink)
            }
            (place, call) = (.call, [])
            return takeInCall(byte, &sink)
        case .call: return takeInCall(byte, &sink)
        case .after:
            if byte.isJSONSpace { return .goesOn }
            place = byte == UInt8(ascii: ",") ? .element : .closing
            return byte == UInt8(ascii: ",") || byte == UInt8(ascii: "]") ? .goesOn : .failed
        case .objects: return objects.take(byte, &sink)
        case .closing: return closing.take(byte)
        }
    }

    private mutating func takeInCall(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        call.append(byte)
        guard call.count <= Self.longestCall else { return .failed }
        if let end = quote {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == end {
                quote = nil
            }
            return .goesOn
        }
        switch byte {
        case UInt8(ascii: "'"), UInt8(ascii: "\""):
            quote = byte
            return depth > 0 ? .goesOn : .failed
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"):
            depth += 1
            guard depth == 1 else { return .goesOn }
            return byte == UInt8(ascii: "(") && sink.functions[name] != nil ? .goesOn : .failed
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
            depth -= 1
            guard depth <= 0 else { return .goesOn }
            return depth == 0 && end(&sink) ? .goesOn : .failed
        default: return depth > 0 || call.count <= CallObject.longestName ? .goesOn : .failed
        }
    }

    private var name: String { String(decoding: call.prefix { $0 != UInt8(ascii: "(") }, as: UTF8.self).trimmed }

    private mutating func end(_ sink: inout CallSink) -> Bool {
        guard let start = call.firstIndex(of: UInt8(ascii: "(")),
            let arguments = PythonArguments.parse(Array(call[(start + 1)..<(call.count - 1)])), sink.begin(name)
        else { return false }
        sink.append(JSONValue.object(arguments).serialized().utf8)
        sink.end()
        (place, hasCall) = (.after, true)
        return true
    }

    mutating func finish(_ sink: inout CallSink) -> Int? {
        switch place {
        case .objects: objects.finish(&sink)
        case .closing: closing.unread
        case .after: 0
        case .open, .element, .call: nil
        }
    }
}
