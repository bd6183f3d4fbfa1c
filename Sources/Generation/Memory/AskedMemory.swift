/// A memory that was asked whether a prompt means one of its facts.
public struct AskedMemory: Sendable, Equatable {
    public var memory: String
    /// One is meant. Of several memories that say so, the surest one answers.
    public var isOpen: Bool
    /// With the time of the encoder.
    public var milliseconds: Double

    public init(memory: String, isOpen: Bool, milliseconds: Double) {
        self.memory = memory
        self.isOpen = isOpen
        self.milliseconds = milliseconds
    }
}
