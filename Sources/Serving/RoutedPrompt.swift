public import Generation

/// One prompt to answer: how its adapter is chosen, and the sequences that answer it.
public struct RoutedPrompt: Sendable {
    /// What the client or the operator said of the adapter. `reason` is a sentence for the explanation.
    public enum Selection: Sendable {
        case base(reason: String)
        case adapter(String, reason: String)
        /// The operator's choice for all requests that name none: unlike an adapter that the client named, it may be replaced.
        case preset(String, reason: String)
        case merged(AdapterMerge, reason: String)
        /// As `RoutedBackend.decide` said before.
        case decided(RouteDecision)
        /// The router decides.
        case automatic(RouteQuestion)
    }

    /// One generated sequence. Its adapter is set by `RoutedBackend`.
    public typealias Choice = GenerationChoice

    public var selection: Selection
    public var choices: [Choice]

    public init(_ selection: Selection, choices: [Choice]) {
        self.selection = selection
        self.choices = choices
    }
}
