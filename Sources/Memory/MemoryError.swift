/// Why a memory cannot be written, kept or read.
public struct MemoryError: Error, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A value of the caller is out of range or contradicts another.
        case invalid
        /// A file is not what its format says.
        case malformed
        /// Another base, encoder or version than the one that it was made for.
        case mismatched
        /// No such fact.
        case notFound = "not_found"
        /// A stored fact answers the question with something else.
        case conflict
        /// The answer could not be written exactly.
        case notLearned = "not_learned"
        /// A bound is reached.
        case full
        /// The system refused: no memory, disk, file.
        case unavailable
    }

    public var code: Code
    /// What is wrong and what was expected.
    public var message: String
    /// Where: a file, a field, a tensor; nil: nowhere in particular.
    public var place: String?

    public init(_ code: Code, _ message: String, place: String? = nil) {
        self.code = code
        self.message = message
        self.place = place
    }

    public var description: String { place.map { "\($0): \(message)" } ?? message }
}
