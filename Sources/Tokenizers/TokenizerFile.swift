internal import Glibc
import JSON

/// A JSON file of a tokenizer, read whole within a limit.
struct TokenizerFile {
    /// Five times the largest known.
    static let limitBytes = 160 << 20

    let path: String
    let root: JSONCursor

    init(_ path: String) throws(TokenizerError) {
        self.path = path
        let bytes = try Self.read(path)
        do {
            root = JSONCursor(try JSONValue.parse(bytes))
        } catch {
            throw TokenizerError(.malformed, error.description, file: path)
        }
    }

    /// Runs a reader of this file; its errors get the file's name.
    func reading<Value>(_ body: (JSONCursor) throws -> Value) throws(TokenizerError) -> Value {
        do {
            return try body(root)
        } catch var error as TokenizerError {
            error.file = path
            throw error
        } catch let error as JSONError {
            throw TokenizerError(.malformed, error.message, file: path, path: error.path)
        } catch {
            throw TokenizerError(.malformed, "\(error)", file: path)
        }
    }

    private static func read(_ path: String) throws(TokenizerError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw TokenizerError(.notFound, String(cString: strerror(errno)), file: path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TokenizerError(.notFound, "not a regular file", file: path)
        }
        guard status.st_size <= limitBytes else {
            throw TokenizerError(.limitExceeded, "\(status.st_size) bytes; at most \(limitBytes) are read", file: path)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(status.st_size))
        var chunk = [UInt8](repeating: 0, count: 256 << 10)
        while bytes.count <= limitBytes {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw TokenizerError(.notFound, String(cString: strerror(errno)), file: path) }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return bytes
    }
}

extension JSONCursor {
    /// An error for a kind of thing that this module does not have.
    func unsupported(_ found: String, _ supported: String) -> TokenizerError {
        TokenizerError(.unsupported, "found \(found); supported: \(supported)", path: path)
    }
}
