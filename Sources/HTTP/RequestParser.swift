/// Reads requests out of bytes, however they are split: every split gives the same requests and the same errors.
///
/// Strict where lenient readers could disagree about the end of a request (RFC 9112, 11.2): lines end in CRLF, a name ends at
/// its colon, folded lines are refused, a length is plain digits, and a length beside chunks is refused. Lines are checked
/// whole, and limits at the byte that crosses them, so that no result depends on how the bytes arrive.
/// A value without I/O; after an error it must not be used again.
struct RequestParser {
    enum Event {
        /// The header is complete and a body follows: `length` bytes, or chunks when it is nil. The request has no body yet.
        case head(HTTPRequest, length: Int?, expectsContinue: Bool)
        case request(HTTPRequest)
    }

    /// The part of a request that is being read, for timeouts.
    enum Progress: Equatable { case idle, head, body }

    enum State {
        case requestLine, fields, body(remaining: Int), chunkSize, chunk(remaining: Int), chunkEnd, trailers
    }

    static let chunkLineBytes = 256

    let limits: HTTPLimits
    var state = State.requestLine
    /// The line being read, without its line end once that has come.
    private var line: [UInt8] = []
    /// Bytes of the present header (or of the trailers, or of the chunk line) so far.
    private var sectionBytes = 0
    var head = RequestHead()
    private var body: [UInt8] = []

    init(limits: HTTPLimits) { self.limits = limits }

    /// Of the body that is being read.
    var bodyBytes: Int { body.count }

    var progress: Progress {
        switch state {
        case .requestLine: sectionBytes == 0 ? .idle : .head
        case .fields: .head
        case .body, .chunkSize, .chunk, .chunkEnd, .trailers: .body
        }
    }

    /// Reads from `offset` up to the next event, or to the end if there is no event yet.
    mutating func next(_ bytes: UnsafeRawBufferPointer, offset: inout Int) throws(HTTPError) -> Event? {
        while offset < bytes.count {
            switch state {
            case .body(let remaining):
                let taken = takeBody(bytes, offset: &offset, remaining: remaining)
                if taken == remaining { return finish() }
                state = .body(remaining: remaining - taken)
            case .chunk(let remaining):
                let taken = takeBody(bytes, offset: &offset, remaining: remaining)
                state = taken == remaining ? .chunkEnd : .chunk(remaining: remaining - taken)
            case .requestLine, .fields, .chunkSize, .chunkEnd, .trailers:
                if try takeLine(bytes, offset: &offset), let event = try readLine() { return event }
            }
        }
        return nil
    }

    private mutating func takeBody(_ bytes: UnsafeRawBufferPointer, offset: inout Int, remaining: Int) -> Int {
        let taken = min(remaining, bytes.count - offset)
        body.append(contentsOf: bytes[offset..<offset + taken])
        offset += taken
        return taken
    }

    // MARK: Lines

    /// Appends to `line`; true when it is complete, with its line end taken off.
    private mutating func takeLine(_ bytes: UnsafeRawBufferPointer, offset: inout Int) throws(HTTPError) -> Bool {
        let rest = bytes[offset...]
        let end = rest.firstIndex(of: UInt8(ascii: "\n"))
        let taken = rest[..<(end.map { $0 + 1 } ?? rest.endIndex)]
        try checkStart(taken)
        try checkSection(adding: taken.count)
        line.append(contentsOf: taken)
        offset += taken.count
        guard end != nil else { return false }
        line.removeLast()
        guard line.popLast() == UInt8(ascii: "\r") else {
            throw HTTPError(.badRequest, "a line ends in a bare line feed; lines of HTTP end in CR LF")
        }
        return true
    }

    /// Bytes that cannot begin a request, such as a TLS greeting, are refused at once: their line might never end.
    private func checkStart(_ taken: Slice<UnsafeRawBufferPointer>) throws(HTTPError) {
        guard case .requestLine = state, line.isEmpty, let first = taken.first else { return }
        guard first.isToken || first == UInt8(ascii: "\r") || first == UInt8(ascii: "\n") else {
            throw HTTPError(.badRequest, "this is not HTTP: a request begins with a method")
        }
    }

    private mutating func checkSection(adding count: Int) throws(HTTPError) {
        sectionBytes += count
        switch state {
        case .requestLine where sectionBytes > limits.headerBytes:
            throw HTTPError(.targetTooLong, "the request line is longer than \(limits.headerBytes) bytes")
        case .fields where sectionBytes > limits.headerBytes, .trailers where sectionBytes > limits.headerBytes:
            throw HTTPError(.headersTooLarge, "the header is larger than \(limits.headerBytes) bytes")
        case .chunkSize where sectionBytes > Self.chunkLineBytes:
            throw HTTPError(.badRequest, "the line of a chunk's size is longer than \(Self.chunkLineBytes) bytes")
        case .chunkEnd where sectionBytes > 2:
            throw HTTPError(.badRequest, "a chunk is longer than it says")
        default: break
        }
    }

    private mutating func readLine() throws(HTTPError) -> Event? {
        defer { line.removeAll(keepingCapacity: true) }
        switch state {
        case .requestLine:
            // An empty line before a request is the rest of an old client's body (RFC 9112, 2.2).
            if line.isEmpty { return nil }
            try head.readRequestLine(line)
            state = .fields
        case .fields:
            if line.isEmpty { return try startBody() }
            guard head.headers.count < limits.headerFields else {
                throw HTTPError(.headersTooLarge, "more than \(limits.headerFields) header fields")
            }
            let field = try FieldLine.read(line)
            head.headers.add(field.name, field.value)
        case .chunkSize:
            try startChunk(FieldLine.chunkSize(line))
        case .chunkEnd:
            guard line.isEmpty else { throw HTTPError(.badRequest, "a chunk is longer than it says") }
            enter(.chunkSize)
        case .trailers:
            if line.isEmpty { return finish() }
            _ = try FieldLine.read(line)
        case .body, .chunk:
            preconditionFailure("a line was read inside a body")
        }
        return nil
    }

    // MARK: Bodies

    private mutating func enter(_ next: State) {
        state = next
        sectionBytes = 0
    }

    private mutating func startBody() throws(HTTPError) -> Event? {
        try head.check()
        let framing = try head.framing()
        var announced: Int?
        switch framing {
        case .none:
            return finish()
        case .length(let length):
            guard length <= limits.bodyBytes else { throw tooLarge() }
            announced = length
            enter(.body(remaining: length))
        case .chunked:
            enter(.chunkSize)
        }
        return .head(request, length: announced, expectsContinue: try head.expectsContinue())
    }

    private mutating func startChunk(_ size: Int) throws(HTTPError) {
        guard size <= limits.bodyBytes - body.count else { throw tooLarge() }
        enter(size == 0 ? .trailers : .chunk(remaining: size))
    }

    private func tooLarge() -> HTTPError {
        HTTPError(.contentTooLarge, "the body is larger than \(limits.bodyBytes) bytes")
    }

    private var request: HTTPRequest {
        HTTPRequest(
            method: head.method, target: head.target, parsed: head.parsedTarget, version: head.version, headers: head.headers,
            body: body)
    }

    private mutating func finish() -> Event {
        let request = request
        head = RequestHead()
        body = []
        enter(.requestLine)
        return .request(request)
    }
}
