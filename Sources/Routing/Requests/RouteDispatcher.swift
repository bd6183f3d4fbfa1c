public import Generation

/// Decides which adapter answers a request: the router's decision on a part of the request, then the conversation's adapter, the
/// language model's choice, the default adapter, and the draw for a canary.
///
/// `consider` runs the encoder and must not run on the loop. `conclude` is a few lookups, on any thread. Between them the caller may ask
/// a language model, where `Consideration.question` is not nil.
public final class RouteDispatcher: Sendable {
    public let policy: RequestPolicy
    /// nil without an encoder: no request gets an adapter but the default one.
    let router: Router?
    private let memory: ConversationMemory

    public init(router: Router?, policy: RequestPolicy = .init()) {
        self.router = router
        self.policy = policy
        memory = ConversationMemory(capacity: policy.mostConversations)
    }

    /// A decision that is not yet complete.
    public struct Consideration: Sendable {
        /// The router's, with the conversation's adapter taken into account.
        public internal(set) var decision: RouteDecision
        let request: RouteQuestion
        /// The conversation's entry before this turn.
        let remembered: ConversationMemory.Entry?
        /// For a language model, where the router is not confident and the policy says to ask.
        public internal(set) var question: LanguageModelQuestion?
    }

    /// Both parts at once, without a language model.
    public func decide(_ request: RouteQuestion, rules: RouteRules) throws(RoutingError) -> RouteDecision {
        conclude(try consider(request, rules: rules), rules: rules)
    }

    /// The map of a decision; nil where nothing was compared. Runs the encoder. Errors: `embedderFailed`.
    public func map(of decision: RouteDecision) throws(RoutingError) -> RouteMap? { try router?.map(of: decision) }

    // MARK: Before

    /// Errors: `unknownCandidate` for a candidate that is not routable or not for this caller, `embedderFailed`, and `cancelled` when the
    /// client left: that is checked before each piece of text.
    public func consider(_ request: RouteQuestion, rules: RouteRules) throws(RoutingError) -> Consideration {
        let remembered = previous(request, rules)
        let text = RouteRequestText(request.content, policy: policy, encoderTokens: router?.encoderTokens ?? 256)
        guard let router else {
            let decision = RouteDecision.fallback(
                reason: "the service has no encoder: the base answers", text: text.turns[0].pieces.joined())
            return Consideration(decision: decision, request: request, remembered: remembered)
        }
        if let unknown = request.candidates?.first(where: { !rules.offers($0, to: request.caller) }) {
            throw RoutingError(.unknownCandidate, "`\(unknown)` is not an adapter that the router can choose")
        }
        var candidates = request.candidates
        if candidates == nil, rules.restricts(request.caller) { candidates = Self.offered(router, request, rules) }
        var decision = try decide(text, candidates, request, router)
        if let adapter = decision.adapter, rules.served[adapter] == nil {
            // It was removed a moment ago, and the index still has it.
            decision = try decide(text, Self.offered(router, request, rules), request, router)
        }
        if let remembered { stay(on: remembered.adapter, &decision) }
        var consideration = Consideration(decision: decision, request: request, remembered: remembered)
        consideration.question = question(consideration, rules)
        return consideration
    }

    private static func offered(_ router: Router, _ request: RouteQuestion, _ rules: RouteRules) -> [String] {
        (request.candidates ?? router.routableAdapters).filter { rules.offers($0, to: request.caller) }
    }

    /// Each piece of each turn by itself, then together; see `DecisionBlend`.
    private func decide(
        _ text: RouteRequestText, _ candidates: [String]?, _ request: RouteQuestion, _ router: Router
    ) throws(RoutingError) -> RouteDecision {
        guard candidates?.isEmpty != true else {
            return .fallback(reason: "no adapter with routing data is served", text: text.turns[0].pieces.joined())
        }
        func decide(_ piece: String) throws(RoutingError) -> RouteDecision {
            if request.isAbandoned() { throw RoutingError(.cancelled, "the client left before its prompt was routed") }
            return try router.decide(
                RouteQuery(text: piece, candidates: candidates, threshold: request.threshold, top: max(request.top, Self.listed)))
        }
        var turns: [(decision: RouteDecision, weight: Double)] = []
        for turn in text.turns {
            var pieces: [RouteDecision] = []
            for piece in turn.pieces { pieces.append(try decide(piece)) }
            turns.append((DecisionBlend.pieces(pieces), turn.weight))
        }
        var decision = DecisionBlend.turns(turns)
        let count = text.turns.reduce(0) { $0 + $1.pieces.count }
        if count > 1 { decision.notes.pieces = count }
        return decision
    }

    /// How many candidates are looked at, however many the request lists.
    private static let listed = 16

    // MARK: Conversations

    private func previous(_ request: RouteQuestion, _ rules: RouteRules) -> ConversationMemory.Entry? {
        guard policy.stickyMargin > 0, let key = ConversationMemory.Key(request.turns.dropLast(), of: request),
            let entry = memory[key], rules.offers(entry.adapter, to: request.caller),
            request.candidates?.contains(entry.adapter) != false
        else { return nil }
        return entry
    }

    /// The adapter that was chosen for this turn cannot answer: the conversation goes on with the one that does, or as before this turn.
    public func replace(_ adapter: String, by decision: RouteDecision, in request: RouteQuestion) {
        guard let key = ConversationMemory.Key(request.turns[...], of: request), memory[key]?.version == adapter else { return }
        if let other = decision.adapter { return remember(.init(adapter: other, version: other), request) }
        if let earlier = ConversationMemory.Key(request.turns.dropLast(), of: request), let before = memory[earlier], before.version != adapter {
            remember(before, request)
        } else {
            memory.forget(key)
        }
    }

    /// Keeps the conversation on its adapter, for which keys and values are cached, unless another adapter is more probable by the margin
    /// or this one has become improbable: a turn such as "and of Ohio?" says little by itself.
    private func stay(on adapter: String, _ decision: inout RouteDecision) {
        decision.notes.conversation = .init(adapter: adapter, stays: false)
        guard decision.adapter != adapter, let own = decision.candidates.first(where: { $0.adapter == adapter }),
            own.probability >= own.threshold - policy.stickyMargin
        else { return }
        let margin = percent(policy.stickyMargin)
        let reason: String
        if let other = decision.adapter {
            let lead = (decision.probability ?? 1) - own.probability
            guard lead <= policy.stickyMargin else { return }
            reason = "\(other) is more probable by \(percent(lead)), which is no more than the margin of \(margin) that a conversation needs to change"
        } else {
            reason = "it is right with \(percent(own.probability)), which is less than its threshold of \(percent(own.threshold)) but not by more than the margin of \(margin) that a conversation needs to change"
        }
        let rival = decision.candidates.first { $0.adapter != adapter }?.probability ?? 0
        decision.adapter = adapter
        decision.route = .matched
        decision.reason = "stays on \(adapter): \(reason)"
        decision.probability = own.probability
        decision.threshold = own.threshold
        decision.margin = own.probability - rival
        decision.notes.conversation = .init(adapter: adapter, stays: true)
    }

    // MARK: The language model

    private func question(_ consideration: Consideration, _ rules: RouteRules) -> LanguageModelQuestion? {
        let decision = consideration.decision
        guard policy.languageModel != .off, decision.notes.conversation?.stays != true, let best = decision.candidates.first
        else { return nil }
        let isUnsure = (decision.margin ?? 1) < policy.unsureMargin || abs(best.probability - best.threshold) < policy.unsureMargin / 2
        // A text that is like no example is a clear case, not a doubtful one.
        let isDoubtful = isUnsure && best.probability > best.threshold - policy.unsureMargin
        guard isDoubtful || policy.languageModel == .always else { return nil }
        var candidates = decision.candidates.prefix(policy.mostOptions)
        if policy.languageModel == .unsure { candidates = candidates.filter { $0.probability >= best.probability - 2 * policy.unsureMargin }[...] }
        let options = candidates.map {
            LanguageModelQuestion.Option(
                name: $0.adapter, description: rules.descriptions[$0.adapter], examples: $0.nearest.prefix(2).map(\.text))
        }
        return LanguageModelQuestion(text: decision.text, options: options)
    }

    private func follow(_ judgement: RouteNotes.Judgement, _ decision: inout RouteDecision) {
        decision.notes.judgement = judgement
        guard judgement.failure == nil else { return }
        let before = decision.reason
        guard let choice = judgement.choice, let own = decision.candidates.first(where: { $0.adapter == choice }) else {
            decision.adapter = nil
            decision.route = .fallback
            decision.reason = "the router was not confident (\(before)), and the language model chose none of the candidates"
            return
        }
        decision.adapter = choice
        decision.route = .matched
        decision.probability = own.probability
        decision.threshold = own.threshold
        decision.margin = own.probability - (decision.candidates.first { $0.adapter != choice }?.probability ?? 0)
        decision.reason = "the router was not confident (\(before)), and the language model chose \(choice)"
    }

    // MARK: After

    /// - Parameter judgement: what the language model said, where it was asked.
    public func conclude(
        _ consideration: Consideration, judgement: RouteNotes.Judgement? = nil, rules: RouteRules
    ) -> RouteDecision {
        var decision = consideration.decision
        let request = consideration.request
        if let judgement { follow(judgement, &decision) }
        if let adapter = decision.adapter, !rules.offers(adapter, to: request.caller) { leave(&decision) }
        if decision.adapter == nil { takeDefault(request, rules, &decision) }
        if let adapter = decision.adapter {
            if decision.route == .matched { draw(adapter, consideration, rules, &decision) }
            let version = decision.adapter ?? adapter
            decision.notes.timeoutMilliseconds =
                rules.served[version]?.timeoutMilliseconds ?? rules.served[adapter]?.timeoutMilliseconds
            if decision.route == .matched { remember(.init(adapter: adapter, version: version), request) }
        }
        // A turn that fits no adapter, such as "thanks", leaves the conversation with its adapter.
        if decision.route == .fallback, let before = consideration.remembered { remember(before, request) }
        decision.candidates = Array(decision.candidates.prefix(max(request.top, 1)))
        return decision
    }

    /// The adapter was removed, or its rule changed, since the decision.
    private func leave(_ decision: inout RouteDecision) {
        decision.notes.unavailable += [decision.adapter].compactMap { $0 }
        decision.notes.conversation?.stays = false
        decision.adapter = nil
        decision.route = .fallback
        decision.reason = "the adapter that was chosen is no longer available: the base answers"
    }

    private func remember(_ entry: ConversationMemory.Entry, _ request: RouteQuestion) {
        guard request.isServed, policy.stickyMargin > 0, let key = ConversationMemory.Key(request.turns[...], of: request) else { return }
        memory.remember(key, entry)
    }

    private func takeDefault(_ request: RouteQuestion, _ rules: RouteRules, _ decision: inout RouteDecision) {
        let own = decision.candidates.first.flatMap { rules.served[$0.adapter]?.defaultAdapter }
        guard let name = own ?? policy.defaultAdapter, name != "base", request.candidates?.contains(name) != false else { return }
        guard rules.offers(name, to: request.caller) else {
            // Without its name, which may be one that this caller must not learn.
            decision.reason += "; the default adapter cannot be used"
            return
        }
        decision.adapter = name
        decision.notes.isDefault = true
        let instead = ": the base answers"
        if decision.reason.hasSuffix(instead) { decision.reason.removeLast(instead.count) }
        decision.reason += "; the default adapter \(name) answers instead of the base"
    }

    /// Gives a share of what is routed to an adapter to its canary: always the same share for a user and within a conversation.
    private func draw(
        _ adapter: String, _ consideration: Consideration, _ rules: RouteRules, _ decision: inout RouteDecision
    ) {
        let request = consideration.request
        guard let canary = rules.served[adapter]?.canary, rules.offers(canary.adapter, to: request.caller) else { return }
        let isChosen: Bool
        let basis: String
        if let remembered = consideration.remembered, remembered.adapter == adapter, canary.weight > 0 {
            isChosen = remembered.version == canary.adapter
            basis = "as the conversation before"
        } else {
            let (name, value) = request.user.map { ("user", $0) } ?? ("request id", request.requestID)
            isChosen = EvenDraw.fraction([adapter, canary.adapter, value]) < canary.weight
            basis = "drawn by \(name)"
        }
        decision.notes.canary = .init(of: adapter, adapter: canary.adapter, weight: canary.weight, isChosen: isChosen)
        guard isChosen else { return }
        decision.adapter = canary.adapter
        decision.reason += "; \(canary.adapter) answers as the version that \(percent(canary.weight)) of \(adapter)'s requests get (\(basis))"
    }

    private func percent(_ value: Double) -> String {
        let tenths = (value * 1000).rounded() / 10
        return "\(Int(exactly: tenths).map(String.init) ?? "\(tenths)") %"
    }
}
