import JSON

/// How the frames of a stream stand on the wire.
enum StreamFraming: Sendable {
    /// Server-sent events without names.
    case events
    /// Server-sent events; the name of each is the `type` of its frame.
    case namedEvents
    /// A line of JSON each.
    case lines

    var contentType: String {
        switch self {
        case .events, .namedEvents: "text/event-stream"
        case .lines: "application/x-ndjson"
        }
    }

    func append(_ frame: JSONValue, to bytes: inout [UInt8]) {
        switch self {
        case .lines:
            frame.serialize(into: &bytes)
            bytes.append(UInt8(ascii: "\n"))
        case .namedEvents:
            if let name = frame["type"]?.stringValue { bytes += "event: \(name)\n".utf8 }
            fallthrough
        case .events:
            bytes += "data: ".utf8
            frame.serialize(into: &bytes)
            bytes += "\n\n".utf8
        }
    }
}
