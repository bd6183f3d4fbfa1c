import Adapters
internal import Dispatch
import Generation
import JSON
import OpenAIAPI
import Routing
internal import Synchronization

/// Which names are served, for `/v1/models`.
struct LibraryCatalogue: ModelCatalogue {
    let library: AdapterLibrary
    let baseName: String
    let contextLength: Int
    let started: Int

    func models() -> [ServedModel] {
        let shelf = library.shelf
        let base = ServedModel(
            id: baseName, created: started, root: baseName, parent: nil, contextLength: contextLength)
        return [base]
            + shelf.names.compactMap { shelf.entries[$0] }.map { entry in
                ServedModel(
                    id: entry.name, created: entry.changed, root: entry.folder, parent: baseName,
                    contextLength: contextLength)
            }
    }

    func isServable(_ adapter: String) -> Bool { library.shelf.entries[adapter] != nil }

    func refusal(_ adapter: String) -> String? {
        let shelf = library.shelf
        if shelf.unloaded.contains(adapter) { return "it was unloaded; load it to serve it again" }
        return shelf.refusals[adapter].map {
            "\($0). Its folder is looked at again when it changes; `lmoe adapters check` says everything about it"
        }
    }

    func admits(_ caller: Caller, to adapter: String) -> Bool { library.shelf.rules.admits(caller, to: adapter) }

    func repeatedHeader(of caller: Caller) -> String? { library.shelf.rules.repeatedHeader(of: caller) }

    func adapterNames() -> [String] { library.shelf.names }
}

/// Routing over the library's router, one question at a time, off the loop.
final class LibraryRouting: RouteService {
    private let library: AdapterLibrary
    private let queue: WorkQueue
    private let decode: @Sendable ([Int32]) -> String
    private let languageModel: LanguageModelRouting?
    private let log: DecisionLog?
    private let prefetching = Mutex(Set<String>())
    private let loading = DispatchQueue(label: "lmoe.prefetch", attributes: .concurrent)

    /// - Parameters:
    ///   - decode: text of token ids, for prompts that come as such.
    ///   - languageModel: asked where the policy says so.
    init(
        library: AdapterLibrary, queue: WorkQueue, languageModel: LanguageModelRouting? = nil, log: DecisionLog? = nil,
        decode: @escaping @Sendable ([Int32]) -> String
    ) {
        self.library = library
        self.queue = queue
        self.languageModel = languageModel
        self.log = log
        self.decode = decode
    }

    func route(_ question: RouteQuestion) async throws -> RouteChoice {
        let start = ContinuousClock().now
        let consideration = try await queue.run { [self] in try consider(question) }
        var judgement: RouteNotes.Judgement?
        if let languageModel, let asked = consideration.question { judgement = await languageModel.judge(asked) }
        let decision = library.dispatcher.conclude(consideration, judgement: judgement, rules: library.shelf.rules)
        var choice = RouteChoice(decision)
        choice.milliseconds = (ContinuousClock().now - start) / .milliseconds(1)
        log?.note(decision, question, milliseconds: choice.milliseconds)
        return choice
    }

    func explicit(_ adapter: String?, reason: String) -> RouteChoice {
        var decision = RouteDecision.explicit(adapter, reason: reason)
        if let adapter { decision.notes.timeoutMilliseconds = library.shelf.rules.served[adapter]?.timeoutMilliseconds }
        return RouteChoice(decision)
    }

    func prefetch(_ adapter: String) {
        guard prefetching.withLock({ $0.insert(adapter).inserted }) else { return }
        loading.async { [self] in
            // A failure is the request's to report.
            _ = try? library.store.preload(adapter)
            prefetching.withLock { _ = $0.remove(adapter) }
        }
    }

    private func consider(_ question: RouteQuestion) throws(APIError) -> RouteDispatcher.Consideration {
        let request = RoutingRequest(
            content(question.content), candidates: question.candidates, threshold: question.threshold, top: question.top,
            caller: question.caller, id: question.requestID, user: question.user, isServed: question.isServed)
        do throws(RoutingError) {
            return try library.dispatcher.consider(request, rules: library.shelf.rules)
        } catch {
            guard error.code == .unknownCandidate else { throw APIError(.internalFailure, error.message) }
            throw APIError(.invalidRequest, error.message, param: "route.candidates")
        }
    }

    private func content(_ content: RouteQuestion.Content) -> RoutingRequest.Content {
        switch content {
        case .messages(let messages): .messages(messages)
        case .text(let text): .text(text)
        case .tokens(let tokens): .text(decode(tokens))
        }
    }
}

extension RouteChoice {
    init(_ decision: RouteDecision) {
        let kind: Kind =
            switch decision.route {
            case .explicit: .explicit
            case .matched: .matched
            case .fallback: .fallback
            }
        self.init(
            adapter: decision.adapter, kind: kind, probability: decision.probability, explanation: decision.json,
            milliseconds: decision.timings.totalMicroseconds / 1000)
        let notes = decision.notes
        timeoutMilliseconds = notes.timeoutMilliseconds
        marks.best = decision.candidates.first?.adapter
        marks.stays = notes.conversation?.stays == true
        marks.canaryOf = notes.canary?.of
        marks.isCanary = notes.canary?.isChosen == true
        marks.isDefault = notes.isDefault
        marks.firstIsSure = notes.first?.isSure
        marks.languageModel = notes.judgement.map { $0.failure != nil ? .failed : $0.choice == nil ? .none : .chose }
    }
}

/// `/v1/embeddings` over the encoder. Long lists go in slices, so that routing gets its turn between them.
struct QueuedEmbeddings: EmbeddingService {
    let embedder: any TextEmbedder
    let queue: WorkQueue

    private static let sliceTexts = 16

    var name: String { embedder.name }
    var dimension: Int { embedder.dimension }

    func embed(_ texts: [String]) async throws -> EmbeddedTexts {
        var whole = EmbeddedTexts(vectors: [], tokenCounts: [], tokenizeMicroseconds: 0, embedMicroseconds: 0)
        for start in stride(from: 0, to: texts.count, by: Self.sliceTexts) {
            try Task.checkCancellation()
            let slice = Array(texts[start..<min(start + Self.sliceTexts, texts.count)])
            let part = try await queue.run { try embedder.embed(slice) }
            whole.vectors += part.vectors
            whole.tokenCounts += part.tokenCounts
            whole.tokenizeMicroseconds += part.tokenizeMicroseconds
            whole.embedMicroseconds += part.embedMicroseconds
        }
        return whole
    }
}
