public import Generation

extension GenerationSubmission {
    /// Answers as a backend that decides at once: it falls back while its adapter is refused, then answers each sequence.
    ///
    /// - Parameter refusal: why a request's adapter cannot answer; nil when it can.
    public func answer(
        unless refusal: (GenerationRequest) -> GenerationError?, _ body: (GenerationRequest, GenerationStream) -> Void
    ) {
        var submission = self
        while let request = submission.choices.first?.request, let error = refusal(request) {
            guard submission.fallBack(from: error) else {
                for choice in submission.choices { choice.stream.send(.failed(error)) }
                return
            }
        }
        for choice in submission.choices { body(choice.request, choice.stream) }
    }
}
