/// Why answers cannot be scored.
public struct EvaluationError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A metric of an unknown name, or one that the data or the other settings do not allow.
        case invalidSetting
        /// No row can be scored.
        case nothingToScore
        /// The SQLite file cannot be read.
        case database
        /// The system has no memory left.
        case noMemory
    }

    public var code: Code
    /// For a person, without the place.
    public var message: String
    /// The file or the setting.
    public var place: String?

    public init(_ code: Code, _ message: String, place: String? = nil) {
        self.code = code
        self.message = message
        self.place = place
    }

    public var description: String { place.map { "\($0): \(message)" } ?? message }
}
