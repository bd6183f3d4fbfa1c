/// A file that fine-tuning jobs read or made.
public struct FineTuningFile: Sendable, Equatable {
    /// OpenAI's names.
    public enum Purpose: String, Sendable {
        /// A client uploaded it to train or to measure on it.
        case fineTune = "fine-tune"
        /// A job made it.
        case results = "fine-tune-results"
    }

    /// `file-…`
    public var id: String
    public var bytes: Int
    /// Unix seconds.
    public var createdAt: Int
    /// As the client called it, without folders.
    public var name: String
    public var purpose: Purpose
    /// Unix seconds after which the file is deleted; nil keeps it.
    public var expiresAt: Int?

    public init(id: String, bytes: Int, createdAt: Int, name: String, purpose: Purpose, expiresAt: Int? = nil) {
        self.id = id
        self.bytes = bytes
        self.createdAt = createdAt
        self.name = name
        self.purpose = purpose
        self.expiresAt = expiresAt
    }
}
