public import Tensors

/// Why a model, or what an adapter does to it, could not be read.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No model at that path.
        case notFound
        /// A file is there but cannot be read, or is not what its name says.
        case malformed
        /// Well formed, but of an architecture or with an option that is not implemented.
        case unsupported
        /// A size in the configuration is zero, negative, contradicts another, or is absurdly large.
        case invalidConfiguration
        case missingTensor
        /// A tensor that no part of the model reads.
        case unexpectedTensor
        /// A tensor's shape or element type is not the one that the configuration asks for.
        case wrongShape
        /// Memory for it would go beyond a limit.
        case limitExceeded
        /// The system has no memory for it, or no thread.
        case noMemory
    }

    public var code: Code
    /// The text for people, without the file and the tensor.
    public var message: String
    /// The file or folder that the error is about, if any.
    public var file: String?
    /// The tensor that the error is about, if any, as the file names it.
    public var tensor: String?

    public init(_ code: Code, _ message: String, file: String? = nil, tensor: String? = nil) {
        self.code = code
        self.message = message
        self.file = file
        self.tensor = tensor
    }

    public var description: String {
        [file, tensor, message].compactMap { $0 }.joined(separator: ": ")
    }

    public init(_ error: ResourceError, tensor: String? = nil) { self.init(.noMemory, error.message, tensor: tensor) }

    /// The result of `body`; a refusal of the system becomes `noMemory`, which names the tensor.
    package static func inMemory<Result>(of tensor: String, _ body: () throws(ResourceError) -> Result) throws(ModelError) -> Result {
        do throws(ResourceError) {
            return try body()
        } catch {
            throw ModelError(error, tensor: tensor)
        }
    }

    static func noSuchMap(_ place: String) -> ModelError {
        ModelError(.unsupported, "the base has experts in place of this linear map; adapters may change its attention", tensor: place)
    }

    static func wrongShape(_ tensor: String, found: [Int], expected: [Int], file: String? = nil) -> ModelError {
        ModelError(.wrongShape, "the shape is \(found), expected \(expected)", file: file, tensor: tensor)
    }
}
