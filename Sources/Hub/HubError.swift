internal import Files

/// Why something could not be fetched from a hub, or not be found in its cache. The message says what happened and what to do.
public struct HubError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Not `hf:ORG/NAME[@REV][:FILE]`, or a variable of the environment that cannot be used.
        case invalid
        /// The network may not be used, and the cache does not have it.
        case offline
        /// No such repository, or a private one without a token for it.
        case repositoryNotFound
        case revisionNotFound
        case fileNotFound
        /// Its terms have to be accepted first.
        case gated
        /// The token is not valid, or not allowed to do this.
        case refused
        /// Too many requests.
        case rateLimited
        /// The server failed, after all attempts.
        case server
        /// No connection, or one that broke, after all attempts.
        case unreachable
        /// An answer that is not in the hub's protocol.
        case malformed
        /// A name that would leave the cache.
        case unsafeName
        /// There are weights, but only as pickles.
        case pickle
        /// Several files may be meant.
        case ambiguous
        /// More than the limits allow.
        case limitExceeded
        /// The disk has no room.
        case noSpace
        /// A file has another hash than the hub says.
        case corrupt
        /// The caller ended it. What was fetched is kept.
        case interrupted
        /// The system refused to read or write.
        case io
    }

    public var code: Code
    public var message: String
    /// The repository, its file, or the path that the error is about.
    public var place: String?

    public init(_ code: Code, _ message: String, place: String? = nil) {
        self.code = code
        self.message = message
        self.place = place
    }

    public var description: String { place.map { "\($0): \(message)" } ?? message }
}

extension HubError {
    init(_ error: FileError) {
        self.init(error.errno.map(Self.isFull) == true ? .noSpace : .io, error.message, place: error.path)
    }

    /// Converts what a body throws.
    static func converting<Value>(_ body: () throws(FileError) -> Value) throws(HubError) -> Value {
        do throws(FileError) {
            return try body()
        } catch {
            throw HubError(error)
        }
    }

    /// A server's text in a message: one line, without control characters, of at most 300 characters.
    static func shown(_ text: String) -> String {
        let clean = text.unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format ? " " : Character(scalar)
        }
        return clean.count > 300 ? String(clean.prefix(300)) + "…" : String(clean)
    }
}
