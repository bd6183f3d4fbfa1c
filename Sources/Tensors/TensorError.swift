/// Why a tensor could not be packed.
public struct TensorError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Not a real-number type, or one that has no packed form.
        case unsupportedType
        /// Not a matrix, or a row order that does not fit it.
        case wrongShape
        /// An element or a scale is infinite, NaN or too large for f16 scales.
        case notFinite
        /// The system has no memory for it.
        case noMemory
    }

    public var code: Code
    /// The tensor's name.
    public var tensor: String
    /// The text for people, without the name.
    public var message: String

    public var description: String { "\(tensor): \(message)" }
}
