import Generation
internal import Synchronization

/// One prompt between its decision and its answer: what happens when the adapter cannot answer. Any thread.
final class PromptAnswer: Sendable {
    private let serving: RoutedBackend
    private let prompt: RoutedPrompt
    private let decision: RouteDecision
    private let fallbacks = Atomic(0)

    init(_ prompt: RoutedPrompt, _ decision: RouteDecision, on serving: RoutedBackend) {
        self.prompt = prompt
        self.serving = serving
        self.decision = decision
    }

    /// Another adapter, or the base, is to answer than was decided.
    var hasFallenBack: Bool { fallbacks.load(ordering: .acquiring) > 0 }

    /// Tells the streams who is to answer, and asks the backend for it.
    func begin() {
        var choices = prompt.choices
        for index in choices.indices {
            choices[index].stream.send(.routed(decision))
            choices[index].request.adapter = decision.adapter
            if case .merged(let merge, _) = prompt.selection {
                choices[index].request.merge = merge
            } else if decision.adapter == nil {
                // A strength is an adapter's.
                choices[index].request.scale = 1
            }
        }
        serving.backend.submit(GenerationSubmission(choices, fallback: fallback(from: decision)))
    }

    private func fallback(from decision: RouteDecision) -> GenerationSubmission.Fallback? {
        guard decision.mayFallBack, let adapter = decision.adapter else { return nil }
        return { [self] error in
            guard error.code.concernsAdapter else { return nil }
            let other = serving.replacement(for: adapter, in: decision, of: prompt, error)
            fallbacks.add(1, ordering: .acquiringAndReleasing)
            for choice in prompt.choices { choice.stream.send(.routed(other)) }
            return .init(adapter: other.adapter, fallback: fallback(from: other))
        }
    }
}
