/// One event of a `text/event-stream` (the HTML standard, 9.2), to write or as read.
public struct ServerSentEvent: Sendable, Equatable {
    /// The `event` field; nil means "message".
    public var name: String?
    public var data: String
    public var id: String?

    public init(data: String, name: String? = nil, id: String? = nil) {
        self.data = data
        self.name = name
        self.id = id
    }

    /// Fields for the head of a stream of events.
    public static let headers: HTTPHeaders = [
        "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", "X-Accel-Buffering": "no",
    ]

    /// The event's bytes, its empty line included. Each line of the data becomes a `data` line; line ends in the name or
    /// the id, which could forge fields, are left out.
    public var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(data.utf8.count + 16)
        if let name { Self.append("event", name.utf8.filter { !Self.isLineEnd($0) }, to: &bytes) }
        if let id { Self.append("id", id.utf8.filter { !Self.isLineEnd($0) }, to: &bytes) }
        return bytes + Self.encode(data: Array(data.utf8))
    }

    /// An event of data only, from UTF-8 bytes: what a serialiser gives.
    public static func encode(data: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(data.count + 8)
        var rest = data[...]
        while true {
            let end = rest.firstIndex(where: isLineEnd)
            append("data", rest[..<(end ?? rest.endIndex)], to: &bytes)
            guard let end else { break }
            let isPair = rest[end] == 0x0D && end + 1 < rest.endIndex && rest[end + 1] == 0x0A
            rest = rest[(end + (isPair ? 2 : 1))...]
        }
        bytes.append(0x0A)
        return bytes
    }

    /// A line that readers skip: keeps idle connections open through proxies.
    public static let keepAlive = Array(": keep-alive\n\n".utf8)

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

    private static func append(_ field: String, _ value: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        bytes += field.utf8
        bytes += [0x3A, 0x20]
        bytes += value
        bytes.append(0x0A)
    }
}
