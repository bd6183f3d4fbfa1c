public import Generation

/// One prompt to answer: how its adapter is chosen, and the sequences that answer it.
public struct RoutedPrompt: Sendable {
    /// What the client said of the adapter. `reason` is a sentence for the explanation.
    public enum Selection: Sendable {
        case base(reason: String)
        case adapter(String, reason: String)
        case merged(AdapterMerge, reason: String)
        /// As `RoutedBackend.decide` said before.
        case decided(RouteDecision)
        /// The router decides.
        case automatic(RouteQuestion)
    }

    /// One generated sequence. Its adapter is set by `RoutedBackend`.
    public struct Choice: Sendable {
        public var request: GenerationRequest
        public var stream: GenerationStream

        public init(_ request: GenerationRequest, stream: GenerationStream) {
            self.request = request
            self.stream = stream
        }
    }

    public var selection: Selection
    public var choices: [Choice]

    public init(_ selection: Selection, choices: [Choice]) {
        self.selection = selection
        self.choices = choices
    }
}
