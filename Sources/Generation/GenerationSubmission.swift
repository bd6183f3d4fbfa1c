/// One sequence to generate, and where everything that happens to it arrives.
public struct GenerationChoice: Sendable {
    public var request: GenerationRequest
    public var stream: GenerationStream

    public init(_ request: GenerationRequest, stream: GenerationStream) {
        self.request = request
        self.stream = stream
    }
}

/// The sequences that answer one prompt. Their requests differ in `id` and seed only, and one version of one adapter answers all.
public struct GenerationSubmission: Sendable {
    /// Who answers instead of an adapter that cannot.
    public struct Replacement: Sendable {
        /// nil is the base.
        public var adapter: String?
        /// For the case that it cannot answer either.
        public var fallback: Fallback?

        public init(adapter: String?, fallback: Fallback? = nil) {
            self.adapter = adapter
            self.fallback = fallback
        }
    }

    /// Called on the backend's thread with the reason why the adapter cannot answer; nil: the failure is the answer.
    public typealias Fallback = @Sendable (GenerationError) -> Replacement?

    public private(set) var choices: [GenerationChoice]
    private var fallback: Fallback?

    /// - Parameter fallback: nil for an adapter that is never replaced.
    public init(_ choices: [GenerationChoice], fallback: Fallback? = nil) {
        self.choices = choices
        self.fallback = fallback
    }

    /// The adapter that is to answer; nil is the base, or a merge.
    public var adapter: String? { choices.first?.request.adapter }

    /// The adapter cannot answer, and no sequence has started. True: the requests name another one now; they count as taken as before,
    /// and wait behind those that wait for that one. False: the failure is the answer.
    public mutating func fallBack(from error: GenerationError) -> Bool {
        guard let replacement = fallback?(error) else { return false }
        fallback = replacement.fallback
        for index in choices.indices {
            choices[index].request.adapter = replacement.adapter
            // A strength is an adapter's.
            if replacement.adapter == nil { choices[index].request.scale = 1 }
        }
        return true
    }
}
