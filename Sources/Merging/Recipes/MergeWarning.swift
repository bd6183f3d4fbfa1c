/// Something in a recipe that can be done and is probably not what was meant.
public struct MergeWarning: Sendable, Equatable, CustomStringConvertible {
    /// In the recipe's file, from 1.
    public var line: Int
    /// A sentence, with what to write instead.
    public var message: String

    public init(line: Int, message: String) {
        self.line = line
        self.message = message
    }

    public var description: String { "line \(line): \(message)" }
}
