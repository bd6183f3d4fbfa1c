/// Why a file of weights could not be read or written. It names the file, the key or the tensor, what was found and what
/// was expected.
public struct WeightsError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No such file.
        case notFound
        /// There, but it cannot be opened, or it is no regular file.
        case unreadable
        /// The file ends before what its header promises. It may still be being copied.
        case truncated
        /// A field contradicts the format or another field.
        case malformed
        /// Well-formed, but a version or an element type that is not read here.
        case unsupported
        /// More than the limits allow.
        case limitExceeded
        /// Two keys or tensors of one name, or a tensor in two shards.
        case duplicate
        /// A metadata key that is required is not there.
        case missingKey
        /// A metadata value of another type than the reader needs.
        case wrongType
        case missingTensor
        /// A tensor of another shape or element type than the reader needs.
        case wrongShape
        /// Writing failed.
        case unwritable
        /// The disk, or the quota, has not enough bytes left.
        case noSpace
    }

    public var code: Code
    /// For a person, without the file and the name.
    public var message: String
    /// Its path.
    public var file: String
    /// The tensor, when the error is about one.
    public var tensor: String?
    /// The metadata key or header field, when the error is about one.
    public var key: String?

    public init(_ code: Code, _ message: String, file: String, tensor: String? = nil, key: String? = nil) {
        self.code = code
        self.message = message
        self.file = file
        self.tensor = tensor
        self.key = key
    }

    public var description: String {
        if let tensor { return "\(file): tensor \(quoted(tensor)): \(message)" }
        if let key { return "\(file): \(key): \(message)" }
        return "\(file): \(message)"
    }
}

/// A name from a file as it may be printed: control characters escaped, long ones cut.
func quoted(_ name: String) -> String {
    let shown = name.count > 120 ? name.prefix(120) + "…" : name[...]
    return shown.debugDescription
}
