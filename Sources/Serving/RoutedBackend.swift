public import Generation
public import JSON

/// Takes each prompt from routing to an answer: asks its router who answers, submits to the backend, starts loading the adapter, and
/// falls back when a routed adapter has left, does not load or cannot answer the prompt. Nothing else calls a router or replaces an
/// adapter. Any thread.
///
/// Prompts of one request are independent: some are routed together, each is submitted when it is routed, and when the adapter of one
/// cannot answer, only that prompt gets another one, for all its choices. Each stream carries `routed` before everything else, and
/// again when its prompt falls back; once a choice has started, its prompt does not fall back any more. An adapter that the client
/// named is never replaced: its failure is the answer.
public final class RoutedBackend: Sendable {
    /// A prompt whose routed adapter could not answer.
    public struct Fallback: Sendable {
        public var requestID: String
        public var adapter: String
        public var error: GenerationError
        /// What answers instead; nil is the base.
        public var instead: String?
        /// For the log, without what a template's error may quote of the messages.
        public var why: String {
            guard error.code == .adapterUnsuitable else { return error.description }
            return "it cannot answer this request: its own chat template refuses the messages, or its family takes no `scale`"
        }
    }

    public let backend: any GenerationBackend
    private let router: any RequestRouter
    private let prefetch: Prefetch
    private let fellBack: @Sendable (Fallback) -> Void
    private let routedTogether: Int

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
        routedTogether = max(limits.routedTogether, 1)
        prefetch = Prefetch(limits, load: { adapter throws(GenerationError) in try backend.load(adapter) }, failed: notLoaded)
    }

    /// How loading ahead went since the start.
    public var prefetchCounters: Prefetch.Counters { prefetch.counters }

    // MARK: Choosing

    /// Who would answer. Errors: as `RequestRouter.route`.
    public func decide(_ selection: RoutedPrompt.Selection) async throws(GenerationError) -> RouteDecision {
        switch selection {
        case .automatic(let question): try await router.route(question)
        case .base, .adapter, .preset, .merged, .decided: named(selection) ?? .explicit(nil, reason: "the base answers")
        }
    }

    /// The examples around a decision, for a picture of it; nil where nothing was compared. Errors: as `RequestRouter.route`.
    public func map(of decision: RouteDecision) async throws(GenerationError) -> JSONValue? { try await router.map(of: decision)?.json }

    /// The decision that needs no router; nil where one is needed.
    private func named(_ selection: RoutedPrompt.Selection) -> RouteDecision? {
        switch selection {
        case .automatic: return nil
        case .decided(let decision): return decision
        case .base(let reason): return .explicit(nil, reason: reason)
        case .merged(let merge, let reason): return .explicit(merge.label, reason: reason)
        case .adapter(let name, let reason), .preset(let name, let reason):
            var decision = RouteDecision.explicit(name, reason: reason)
            decision.notes.timeoutMilliseconds = router.timeoutMilliseconds(of: name)
            if case .preset = selection { decision.notes.isDefault = true }
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
            await withTaskGroup(of: Void.self) { group in
                for (index, prompt) in waiting.enumerated() {
                    if index >= routedTogether { await group.next() }
                    group.addTask { [self] in await routeAndBegin(prompt) }
                }
            }
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
        let answer = PromptAnswer(prompt, decision, on: self)
        answer.begin()
        // A request that the backend refused loads nothing. One that fell back at once has started to load what answers instead.
        guard !answer.hasFallenBack, prompt.choices.contains(where: { !$0.stream.hasEnded }) else { return }
        if case .merged(let merge, _) = prompt.selection {
            for part in merge.parts { prefetch.start(part.adapter) }
        } else if let adapter = decision.adapter {
            prefetch.start(adapter)
        }
    }

    /// Who answers instead of an adapter that cannot. Reports it, corrects what the router remembers, and loads the other adapter.
    func replacement(
        for adapter: String, in decision: RouteDecision, of prompt: RoutedPrompt, _ error: GenerationError
    ) -> RouteDecision {
        let other = decision.without(adapter, error.code, timeoutMilliseconds: router.timeoutMilliseconds(of:))
        fellBack(
            Fallback(requestID: prompt.choices.first?.request.id ?? "", adapter: adapter, error: error, instead: other.adapter))
        if case .automatic(let question) = prompt.selection { router.fellBack(from: adapter, to: other, question) }
        // One that only this prompt cannot use may be what another prompt waits for.
        if error.code != .adapterUnsuitable { prefetch.drop(adapter) }
        if let instead = other.adapter { prefetch.start(instead) }
        return other
    }
}

extension RoutedPrompt {
    /// All its streams were cancelled.
    var isAbandoned: Bool { choices.allSatisfy(\.stream.isCancelled) }
}
