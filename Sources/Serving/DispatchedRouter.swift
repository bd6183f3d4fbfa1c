public import Generation
public import Routing

/// Routes with the operator's rules, the conversation's memory and, where the policy asks for it, the base model's judgement.
///
/// The encoder runs on the work queue, one question at a time.
public final class DispatchedRouter: RequestRouter {
    private let dispatcher: RouteDispatcher
    private let rules: @Sendable () -> RouteRules
    private let queue: WorkQueue
    private let backend: any GenerationBackend
    private let languageModel: LanguageModelRouting?
    private let decided: @Sendable (RouteDecision, RouteQuestion) -> Void

    /// - Parameters:
    ///   - rules: the operator's rules now.
    ///   - backend: turns token ids into text, and is the language model that judges.
    ///   - decided: called with each decision, which has its milliseconds.
    public init(
        _ dispatcher: RouteDispatcher, rules: @escaping @Sendable () -> RouteRules, queue: WorkQueue,
        backend: any GenerationBackend, decided: @escaping @Sendable (RouteDecision, RouteQuestion) -> Void = { _, _ in }
    ) {
        self.dispatcher = dispatcher
        self.rules = rules
        self.queue = queue
        self.backend = backend
        self.decided = decided
        let policy = dispatcher.policy
        languageModel =
            policy.languageModel == .off
            ? nil : LanguageModelRouting(backend: backend, milliseconds: policy.languageModelMilliseconds)
    }

    public func route(_ question: RouteQuestion) async throws(GenerationError) -> RouteDecision {
        let start = ContinuousClock.now
        let question = try await withText(question)
        let consideration = try await consider(question)
        var judgement: RouteNotes.Judgement?
        if let languageModel, let asked = consideration.question {
            judgement = await languageModel.judge(asked, cachePartition: question.cachePartition)
            // The decision of a client that has left is not remembered.
            if Task.isCancelled { throw Self.clientLeft }
        }
        var decision = dispatcher.conclude(consideration, judgement: judgement, rules: rules())
        decision.milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        decided(decision, question)
        return decision
    }

    public func map(of decision: RouteDecision) async throws(GenerationError) -> RouteMap? {
        try await onQueue { [dispatcher] _ in try dispatcher.map(of: decision) }
    }

    public func fellBack(from adapter: String, to decision: RouteDecision, _ question: RouteQuestion) {
        dispatcher.replace(adapter, by: decision, in: question)
    }

    public func timeoutMilliseconds(of adapter: String) -> Int? { rules().served[adapter]?.timeoutMilliseconds }

    private func withText(_ question: RouteQuestion) async throws(GenerationError) -> RouteQuestion {
        guard case .tokens(let tokens) = question.content else { return question }
        var question = question
        question.content = .text(try await backend.detokenize(tokens))
        return question
    }

    private func consider(_ question: RouteQuestion) async throws(GenerationError) -> RouteDispatcher.Consideration {
        try await onQueue { [dispatcher, rules] isAbandoned in
            var question = question
            question.isAbandoned = isAbandoned
            return try dispatcher.consider(question, rules: rules())
        }
    }

    private func onQueue<Value: Sendable>(
        _ work: @escaping @Sendable (_ isAbandoned: @escaping @Sendable () -> Bool) throws -> Value
    ) async throws(GenerationError) -> Value {
        do {
            return try await queue.runWhileWanted(work)
        } catch let error as GenerationError {
            throw error
        } catch let error as RoutingError {
            let code: GenerationError.Code =
                switch error.code {
                case .unknownCandidate: .unknownCandidate
                case .cancelled: .cancelled
                default: .internalFailure
                }
            throw GenerationError(code, error.message)
        } catch is CancellationError {
            throw Self.clientLeft
        } catch {
            throw GenerationError(.internalFailure, "the prompt could not be routed: \(error)")
        }
    }

    private static let clientLeft = GenerationError(.cancelled, "the client left before its prompt was routed")
}
