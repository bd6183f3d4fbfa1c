/// One call as a function's name, the arguments as JSON, and a closing text.
struct NamedCall: CallScanner {
    private enum Place { case name, open, arguments, closing }

    /// The byte after the name.
    private let nameEnd: UInt8
    /// The name of no function: text follows it.
    private let textName: String?
    private let hasClosing: Bool
    private var closing: ClosingText
    private var place = Place.name
    private var name: [UInt8] = []
    private var span = JSONSpan()

    init(nameEnd: UInt8, closings: [String], textName: String? = nil) {
        self.nameEnd = nameEnd
        self.textName = textName
        hasClosing = !closings.isEmpty
        closing = ClosingText(closings)
    }

    mutating func take(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        switch place {
        case .name:
            guard byte == nameEnd else {
                name.append(byte)
                return name.count <= CallObject.longestName ? .goesOn : .failed
            }
            if let textName, name.elementsEqual(textName.utf8) { return .ended(unread: 0) }
            place = .open
            return sink.functions[text] == nil ? .failed : .goesOn
        case .open:
            if byte.isJSONSpace { return .goesOn }
            if hasClosing, byte == UInt8(ascii: "<") { return endWithout(byte, &sink) }
            guard byte == UInt8(ascii: "{"), sink.begin(text) else { return .failed }
            place = .arguments
            return take(byte, &sink)
        case .arguments:
            let found = span.take(byte)
            guard found == .inside || found == .last else { return .failed }
            sink.append(byte)
            guard found == .last else { return .goesOn }
            sink.end()
            place = .closing
            return hasClosing ? .goesOn : .ended(unread: 0)
        case .closing: return closing.take(byte)
        }
    }

    private var text: String { String(decoding: name, as: UTF8.self) }

    private mutating func endWithout(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        guard sink.begin(text) else { return .failed }
        sink.end()
        place = .closing
        return closing.take(byte)
    }

    mutating func finish(_ sink: inout CallSink) -> Int? { place == .closing ? closing.unread : nil }
}
