/// Whether an answer calls functions, and how many.
public struct ToolChoice: Sendable, Equatable {
    public enum Mode: Sendable, Equatable {
        /// The model decides.
        case automatic
        /// Text only.
        case none
        /// At least one call.
        case required
        /// One call of this function.
        case named(String)
    }

    public var mode: Mode
    /// Functions that may be called; nil: all. The others stay in the prompt.
    public var allowed: Set<String>?
    /// An answer may make several calls.
    public var isParallel: Bool

    public init(_ mode: Mode = .automatic, allowed: Set<String>? = nil, isParallel: Bool = true) {
        self.mode = mode
        self.allowed = allowed
        self.isParallel = isParallel
    }

    /// Whether an answer may call a function.
    public func permits(_ name: String) -> Bool {
        switch mode {
        case .none: false
        case .named(let chosen): name == chosen
        case .automatic, .required: allowed?.contains(name) ?? true
        }
    }
}
