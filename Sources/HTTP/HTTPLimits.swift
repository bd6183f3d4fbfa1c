/// What one server gives its clients at most. Each limit keeps one client from taking memory, descriptors or time from the
/// others; each is tested at its edge.
public struct HTTPLimits: Sendable, Equatable {
    /// Request line and header fields of one request, line ends included. More is 431, in the request line 414.
    /// Trailers of a chunked body have the same limit of their own.
    public var headerBytes = 32 * 1024
    /// Header fields of one request. More is 431.
    public var headerFields = 100
    /// Body of one request after chunks are joined. More is 413, as soon as the length is known.
    public var bodyBytes = 8 * 1024 * 1024
    /// Bodies of all requests that are received or answered, together. A body that does not fit any more is answered 503.
    /// A limit below `bodyBytes` counts as `bodyBytes`, so that one body always fits.
    public var allBodiesBytes = 64 * 1024 * 1024
    /// Bodies up to this size do not count against `allBodiesBytes`, so that large ones cannot keep small ones out.
    public var freeBodyBytes = 64 * 1024
    /// Bodies up to this size are read before the server asks its `headCheck`, if their length is known.
    public var uncheckedBodyBytes = 16 * 1024
    /// Without a byte of a body while other bodies do not fit into memory. Longer is 408.
    public var stalledBodyMilliseconds = 5_000
    /// Open connections. More are answered 503 and closed.
    public var connections = 1024
    /// From a request's first byte to the end of its header. Longer is 408.
    public var headerTimeoutMilliseconds = 10_000
    /// From the end of the header to the end of the body. Longer is 408.
    public var bodyTimeoutMilliseconds = 60_000
    /// Without a byte between two requests. Longer closes silently.
    public var idleTimeoutMilliseconds = 75_000
    /// Without any progress while bytes wait for a client that does not read. Longer resets the connection.
    public var writeTimeoutMilliseconds = 60_000
    /// After an answer that ends the connection: how long input is still read and dropped, so that the answer arrives.
    public var lingerMilliseconds = 3_000
    /// Bytes of further requests held while one is being answered; past it, reading stops.
    public var pipelinedBytes = 64 * 1024
    /// Unsent bytes at which a stream is saturated: its producer waits for `onDrain`.
    public var writeBufferBytes = 256 * 1024
    /// Unsent bytes at which a stream whose producer does not wait is cut off.
    public var writeOverflowBytes = 16 * 1024 * 1024

    public init() {}
}
