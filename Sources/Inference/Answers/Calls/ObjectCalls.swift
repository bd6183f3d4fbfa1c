/// Calls as JSON objects: one, several in an array, or several with `;` between them.
struct ObjectCalls: CallScanner {
    enum Style {
        /// An object, or an array of objects, then a closing text.
        case single
        /// Objects with `;` between them.
        case separated
    }

    private enum Place { case open, element, object, after, closing }

    private let style: Style
    private var closing: ClosingText
    private var place = Place.open
    private var isList = false
    private var object = CallObject()
    private var spaces = 0

    init(_ style: Style, closings: [String]) {
        self.style = style
        closing = ClosingText(closings)
    }

    mutating func take(_ byte: UInt8, _ sink: inout CallSink) -> CallScan {
        switch place {
        case .open where byte == UInt8(ascii: "[") && style == .single:
            isList = true
            place = .element
            return .goesOn
        case .open, .element:
            if byte.isJSONSpace { return .goesOn }
            place = .object
            object = CallObject()
            return take(byte, &sink)
        case .object:
            guard object.take(byte, &sink) else { return .failed }
            guard object.isDone else { return .goesOn }
            spaces = 0
            place = style == .single && !isList ? .closing : .after
            return .goesOn
        case .after:
            if byte.isJSONSpace {
                spaces += 1
                return .goesOn
            }
            if byte == UInt8(ascii: isList ? "," : ";") {
                place = .element
                return .goesOn
            }
            guard isList else { return .ended(unread: spaces + 1) }
            guard byte == UInt8(ascii: "]") else { return .failed }
            place = .closing
            return .goesOn
        case .closing: return closing.take(byte)
        }
    }

    mutating func finish(_ sink: inout CallSink) -> Int? {
        switch place {
        case .open, .element, .object: nil
        case .after: spaces
        case .closing: closing.unread
        }
    }
}
