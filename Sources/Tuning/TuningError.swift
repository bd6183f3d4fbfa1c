/// Why data cannot be used, a setting is refused or a run stops. It names the place (the file, the line, the field or setting), what was
/// found and what was expected.
public struct TuningError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// A setting outside its range, or one that does not go with another.
        case invalidSetting
        /// Well-formed, but nothing that is done here.
        case unsupported
        /// Data that contradict their format.
        case malformed
        /// Data of which nothing can be trained.
        case nothingToTrain
        /// More than the limits allow.
        case limitExceeded
        /// No file or folder of that name.
        case notFound
        /// A file or folder of that name is there already.
        case exists
        /// A file changed while it was used.
        case changed
        /// A loss, a gradient or a weight that is NaN or infinite.
        case nonFinite
        /// The loss stayed too high.
        case diverged
        /// The base model or the adapter is not the one that the data or the checkpoint were made for.
        case otherBase
        /// Somebody told the run to stop; its tasks are between two steps.
        case interrupted
        /// The system refused to read or write.
        case io
        /// The system has no memory left.
        case noMemory
    }

    public var code: Code
    /// For a person, without the place.
    public var message: String
    /// The file, as a person named it.
    public var file: String?
    /// The line in the file; the first is 1.
    public var line: Int?
    /// The field of a row (`messages[0].role`) or the name of a setting.
    public var field: String?

    public init(_ code: Code, _ message: String, file: String? = nil, line: Int? = nil, field: String? = nil) {
        self.code = code
        self.message = message
        self.file = file
        self.line = line
        self.field = field
    }

    public var description: String {
        var place: [String] = []
        if let file { place.append(line.map { "\(file):\($0)" } ?? file) } else if let line { place.append("line \(line)") }
        if let field { place.append(field) }
        return (place + [message]).joined(separator: ": ")
    }
}
