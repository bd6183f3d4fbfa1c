public import Generation
public import Routing

/// Decides which adapter answers a prompt for which the client named none.
public protocol RequestRouter: Sendable {
    /// Leaves the calling thread for the work, and stops soon after the task is cancelled. Errors: `unknownCandidate`, `overloaded`,
    /// `cancelled`, `internalFailure` when the encoder failed.
    func route(_ question: RouteQuestion) async throws(GenerationError) -> RouteDecision
    /// The examples around a decision, in two dimensions; nil where nothing was compared. Errors: as `route`.
    func map(of decision: RouteDecision) async throws(GenerationError) -> RouteMap?
    /// The adapter that the router chose cannot answer: `decision` says who does. What is remembered of the conversation follows.
    func fellBack(from adapter: String, to decision: RouteDecision, _ question: RouteQuestion)
    /// The time that the operator gives an adapter for a whole answer; nil is no limit.
    func timeoutMilliseconds(of adapter: String) -> Int?
}

extension RequestRouter {
    /// A router that compares no examples has no map.
    public func map(of decision: RouteDecision) async throws(GenerationError) -> RouteMap? { nil }
}
