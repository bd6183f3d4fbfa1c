/// Reads the text after a trigger byte by byte and finds calls in it.
protocol CallScanner: Sendable {
    mutating func take(_ byte: UInt8, _ sink: inout CallSink) -> CallScan
    /// The text is over. How many of the last bytes are not part of the calls; nil: the last call is not whole.
    mutating func finish(_ sink: inout CallSink) -> Int?
}

/// What a scanner says of a byte.
enum CallScan: Equatable {
    case goesOn
    /// The calls ended; the last bytes, this one among them, are not part of them.
    case ended(unread: Int)
    /// This is no call. What was begun by then is.
    case failed
}

extension CallFormat {
    /// - Parameter trigger: index of the one that was found; nil: the answer begins with `first`, which the scanner gets.
    func scanner(after trigger: Int?) -> any CallScanner {
        switch self {
        case .hermes: ObjectCalls(.single, closings: closings)
        case .llama: ObjectCalls(.separated, closings: [])
        case .mistral, .mistralNames: MistralCalls()
        case .pythonic: PythonCalls(closings: closings)
        case .functionary: NamedCall(nameEnd: UInt8(ascii: ">"), closings: closings)
        case .recipients: NamedCall(nameEnd: UInt8(ascii: "\n"), closings: [], textName: "all")
        case .parameters: ParameterCall(isInTag: trigger == 0)
        }
    }
}

/// The end of calls: white space, then one of some texts. Without it, nothing is read.
struct ClosingText: Sendable {
    private let texts: [[UInt8]]
    private var taken: [UInt8] = []
    private var spaces = 0

    /// Bytes that are no closing text unless more come.
    var unread: Int { spaces + taken.count }

    init(_ texts: [String]) { self.texts = texts.map { Array($0.utf8) } }

    mutating func take(_ byte: UInt8) -> CallScan {
        if taken.isEmpty, byte.isJSONSpace, !texts.isEmpty {
            spaces += 1
            return .goesOn
        }
        taken.append(byte)
        if texts.contains(taken) { return .ended(unread: 0) }
        if texts.contains(where: { $0.starts(with: taken) }) { return .goesOn }
        return .ended(unread: unread)
    }
}
