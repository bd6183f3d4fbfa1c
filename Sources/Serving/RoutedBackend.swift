public import Generation

/// Takes each prompt from routing to an answer: asks its router who answers, submits to the backend, starts loading the adapter, and
/// falls back when a routed adapter has left or does not load. Nothing else calls a router or replaces an adapter. Any thread.
///
/// Prompts of one request are independent: the first is submitted while the second is routed, and when the adapter of one cannot
/// answer, only that prompt gets another one. Each stream carries `routed` before everything else, and again when its prompt falls
/// back. An adapter that the client named is never replaced: its failure is the answer.
public final class RoutedBackend: Sendable {
    /// A prompt whose routed adapter could not answer.
    public struct Fallback: Sendable {
        public var requestID: String
        public var adapter: String
        public var error: GenerationError
        /// What answers instead; nil is the base.
        public var instead: String?
    }

    public let backend: any GenerationBackend
    private let router: any RequestRouter
    private let prefetch: Prefetch
    private let fellBack: @Sendable (Fallback) -> Void

    /// - Parameters:
    ///   - fellBack: told of each prompt that fell back, on the backend's thread.
    ///   - notLoaded: told of adapters that could not be loaded ahead of their request, on a thread of its own.
    public init(
        _ backend: any GenerationBackend, router: any RequestRouter, limits: ServingLimits = .init(),
        fellBack: @escaping @Sendable (Fallback) -> Void = { _ in },
        notLoaded: @escaping @Sendable (_ adapter: String, GenerationError) -> Void = { _, _ in }
    ) {
        self.backend = backend
        self.router = router
        self.fellBack = fellBack
        prefetch = Prefetch(limits, load: { adapter throws(GenerationError) in try backend.load(adapter) }, failed: notLoaded)
    }

    /// How loading ahead went since the start.
    public var prefetchCounters: Prefetch.Counters { prefetch.counters }

    // MARK: Choosing

    /// Who would answer. Errors: as `RequestRouter.route`.
    public func decide(_ selection: RoutedPrompt.Selection) async throws(GenerationError) -> RouteDecision {
        switch selection {
        case .automatic(let question): try await router.route(question)
        case .base, .adapter, .merged, .decided: named(selection) ?? .explicit(nil, reason: "the base answers")
        }
    }

    /// The decision that needs no router; nil where one is needed.
    private func named(_ selection: RoutedPrompt.Selection) -> RouteDecision? {
        switch selection {
        case .automatic: return nil
        case .decided(let decision): return decision
        case .base(let reason): return .explicit(nil, reason: reason)
        case .merged(let merge, let reason): return .explicit(merge.label, reason: reason)
        case .adapter(let name, let reason):
            var decision = RouteDecision.explicit(name, reason: reason)
            decision.notes.timeoutMilliseconds = router.timeoutMilliseconds(of: name)
            return decision
        }
    }

    // MARK: Answering

    /// Starts to answer all prompts and returns at once. Everything that happens arrives on their streams; a prompt that cannot be
    /// routed ends with `failed`.
    public func answer(_ prompts: [RoutedPrompt]) {
        var rest = prompts[...]
        while let prompt = rest.first, let decision = named(prompt.selection) {
            begin(prompt, decision)
            rest.removeFirst()
        }
        guard !rest.isEmpty else { return }
        let waiting = Array(rest)
        Task { [self] in
            for prompt in waiting { await routeAndBegin(prompt) }
        }
    }

    private func routeAndBegin(_ prompt: RoutedPrompt) async {
        guard !prompt.isAbandoned else { return }
        switch await decision(for: prompt) {
        case .success(let decision): begin(prompt, decision)
        case .failure(let error): for choice in prompt.choices { choice.stream.send(.failed(error)) }
        }
    }

    /// Routing stops when all streams of the prompt are cancelled.
    private func decision(for prompt: RoutedPrompt) async -> Result<RouteDecision, GenerationError> {
        let routing = Task { () async -> Result<RouteDecision, GenerationError> in
            do throws(GenerationError) {
                return .success(try await decide(prompt.selection))
            } catch {
                return .failure(error)
            }
        }
        for choice in prompt.choices { choice.stream.setDrainHandler { if prompt.isAbandoned { routing.cancel() } } }
        // A stream that was cancelled before told no one.
        if prompt.isAbandoned { routing.cancel() }
        // The handlers hold the streams; from here on they are the backend's.
        defer { for choice in prompt.choices { choice.stream.setDrainHandler {} } }
        return await routing.value
    }

    private func begin(_ prompt: RoutedPrompt, _ decision: RouteDecision) {
        var merge: AdapterMerge?
        if case .merged(let parts, _) = prompt.selection { merge = parts }
        for choice in prompt.choices {
            var request = choice.request
            request.merge = merge
            submit(request, decision, to: choice.stream)
        }
        // A request that the backend refused loads nothing.
        guard prompt.choices.contains(where: { !$0.stream.hasEnded }) else { return }
        for name in merge?.parts.map(\.adapter) ?? [decision.adapter].compactMap({ $0 }) { prefetch.start(name) }
    }

    private func submit(_ request: GenerationRequest, _ decision: RouteDecision, to stream: GenerationStream) {
        stream.send(.routed(decision))
        if decision.route != .explicit, let adapter = decision.adapter {
            stream.setRecovery { [self] stream, error in
                guard error.code == .adapterNotFound || error.code == .adapterRejected else { return false }
                let other = decision.without(adapter, timeoutMilliseconds: router.timeoutMilliseconds(of:))
                fellBack(Fallback(requestID: request.id, adapter: adapter, error: error, instead: other.adapter))
                // The backend first finishes with the request that failed, so that it does not count twice.
                Task { [self] in submit(request, other, to: stream) }
                return true
            }
        }
        var request = request
        request.adapter = decision.adapter
        // A strength is an adapter's.
        if request.adapter == nil { request.scale = 1 }
        backend.submit(request, to: stream)
    }
}

extension RoutedPrompt {
    /// All its streams were cancelled.
    var isAbandoned: Bool { choices.allSatisfy(\.stream.isCancelled) }
}
