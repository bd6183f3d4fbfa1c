/// Reads a `text/event-stream` piece by piece; every split gives the same events. Lines end in LF, CR or CRLF.
public struct ServerSentEventParser: Sendable {
    private let maximumBytes: Int
    private var line: [UInt8] = []
    private var afterCarriageReturn = false
    private var isFirstLine = true
    private var name: String?
    private var data: [UInt8] = []
    private var hasData = false
    private var id: String?

    /// - Parameter maximumBytes: of one line, and of one event's data.
    public init(maximumBytes: Int = 4 * 1024 * 1024) { self.maximumBytes = maximumBytes }

    /// The events that these bytes complete. Throws `contentTooLarge` past the limit; the parser is then of no use.
    public mutating func append(_ bytes: some Sequence<UInt8>) throws(HTTPError) -> [ServerSentEvent] {
        var events: [ServerSentEvent] = []
        for byte in bytes {
            if byte == 0x0A, afterCarriageReturn {
                afterCarriageReturn = false
                continue
            }
            afterCarriageReturn = byte == 0x0D
            if byte == 0x0A || byte == 0x0D {
                if let event = try endLine() { events.append(event) }
            } else {
                guard line.count < maximumBytes else { throw HTTPError(.contentTooLarge, "a line of events is too long") }
                line.append(byte)
            }
        }
        return events
    }

    private mutating func endLine() throws(HTTPError) -> ServerSentEvent? {
        defer {
            line.removeAll(keepingCapacity: true)
            isFirstLine = false
        }
        if isFirstLine, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        if line.isEmpty { return endEvent() }
        let colon = line.firstIndex(of: 0x3A)
        var value = line[(colon.map { $0 + 1 } ?? line.endIndex)...]
        if value.first == 0x20 { value.removeFirst() }
        switch String(decoding: line[..<(colon ?? line.endIndex)], as: UTF8.self) {
        case "data":
            guard data.count + value.count < maximumBytes else {
                throw HTTPError(.contentTooLarge, "an event is too large")
            }
            if hasData { data.append(0x0A) }
            hasData = true
            data += value
        case "event": name = String(decoding: value, as: UTF8.self)
        case "id" where !value.contains(0): id = String(decoding: value, as: UTF8.self)
        default: break
        }
        return nil
    }

    private mutating func endEvent() -> ServerSentEvent? {
        defer {
            name = nil
            data = []
            hasData = false
        }
        guard hasData else { return nil }
        return ServerSentEvent(data: String(decoding: data, as: UTF8.self), name: name, id: id)
    }
}
