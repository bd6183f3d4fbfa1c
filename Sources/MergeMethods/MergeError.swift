/// What is wrong with a merge: its recipe, its sources, or where its result goes.
public struct MergeError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable {
        /// The recipe says something that cannot be done, or not clearly.
        case invalidRecipe
        /// A model, a file or a tensor is not there.
        case notFound
        /// A source is damaged, or is of no kind that can be read.
        case malformed
        /// Shapes, names or vocabularies of the sources do not fit each other.
        case mismatch
        /// A number that is not finite, in a source or in a result.
        case nonFinite
        /// A source changed while it was read.
        case changed
        /// The result's place is taken.
        case exists
        /// The system refuses to write.
        case unwritable
        /// Less space on the disk, or less memory, than the merge needs.
        case noRoom
        case limitExceeded
        case unsupported
        /// The person stopped the merge.
        case interrupted
    }

    public var code: Code
    /// A sentence for a person, with what to do next where there is something to do.
    public var message: String
    /// The file, with the line where one is known: `merge.yaml:12`.
    public var file: String?
    /// The tensor's name, as the file spells it.
    public var tensor: String?

    public init(_ code: Code, _ message: String, file: String? = nil, tensor: String? = nil) {
        self.code = code
        self.message = message
        self.file = file
        self.tensor = tensor
    }

    public var description: String {
        let places = [file, tensor].compactMap(\.self)
        return places.isEmpty ? message : "\(places.joined(separator: ": ")): \(message)"
    }
}
