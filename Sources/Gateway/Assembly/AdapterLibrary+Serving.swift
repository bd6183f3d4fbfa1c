public import Generation
public import Routing
public import Serving

extension AdapterLibrary {
    /// The decision for a text, without an answer: for commands that explain or measure. Runs the encoder on this thread.
    public func decide(_ question: RouteQuestion) throws(RoutingError) -> RouteDecision {
        try dispatcher.decide(question, rules: shelf.rules)
    }

    /// The serving layer over a backend that serves this library's adapters.
    ///
    /// - Parameters:
    ///   - queue: runs the encoder.
    ///   - decided: called with each decision of the router.
    ///   - fellBack: called for each prompt whose routed adapter could not answer.
    ///   - notLoaded: called for each adapter that could not be loaded ahead of its request.
    public func serving(
        _ backend: any GenerationBackend, queue: WorkQueue, limits: ServingLimits = .init(),
        decided: @escaping @Sendable (RouteDecision, RouteQuestion) -> Void = { _, _ in },
        fellBack: @escaping @Sendable (RoutedBackend.Fallback) -> Void = { _ in },
        notLoaded: @escaping @Sendable (_ adapter: String, GenerationError) -> Void = { _, _ in }
    ) -> RoutedBackend {
        let router = DispatchedRouter(
            dispatcher, rules: { [self] in shelf.rules }, queue: queue, backend: backend, decided: decided)
        return RoutedBackend(backend, router: router, limits: limits, fellBack: fellBack, notLoaded: notLoaded)
    }
}
