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

    func adapterNames() -> [String] { library.shelf.names }
}

/// Routing over the library's router, one question at a time, off the loop.
final class LibraryRouting: RouteService {
    private let library: AdapterLibrary
    private let queue: WorkQueue
    private let decode: @Sendable ([Int32]) -> String
    private let prefetching = Mutex(Set<String>())
    private let loading = DispatchQueue(label: "lmoe.prefetch", attributes: .concurrent)

    /// - Parameter decode: text of token ids, for prompts that come as such.
    init(library: AdapterLibrary, queue: WorkQueue, decode: @escaping @Sendable ([Int32]) -> String) {
        self.library = library
        self.queue = queue
        self.decode = decode
    }

    func route(_ question: RouteQuestion) async throws -> RouteChoice {
        let start = ContinuousClock().now
        let decision = try await queue.run { [self] in try decide(question) }
        var choice = RouteChoice(decision)
        choice.milliseconds = (ContinuousClock().now - start) / .milliseconds(1)
        return choice
    }

    func explicit(_ adapter: String?, reason: String) -> RouteChoice {
        RouteChoice(.explicit(adapter, reason: reason))
    }

    func prefetch(_ adapter: String) {
        guard prefetching.withLock({ $0.insert(adapter).inserted }) else { return }
        loading.async { [self] in
            // A failure is the request's to report.
            _ = try? library.store.preload(adapter)
            prefetching.withLock { _ = $0.remove(adapter) }
        }
    }

    private func decide(_ question: RouteQuestion) throws(APIError) -> RouteDecision {
        let text = text(question.content)
        guard let router = library.router else {
            return .fallback(reason: "the service has no encoder: the base answers", text: text)
        }
        let query = RouteQuery(
            text: text, candidates: question.candidates, threshold: question.threshold, top: question.top)
        do throws(RoutingError) {
            return try decide(query, router)
        } catch {
            guard error.code == .unknownCandidate else { throw APIError(.internalFailure, error.message) }
            throw APIError(.invalidRequest, error.message, param: "route.candidates")
        }
    }

    private func decide(_ query: RouteQuery, _ router: Router) throws(RoutingError) -> RouteDecision {
        let decision = try router.decide(query)
        let served = library.shelf.entries
        guard let adapter = decision.adapter, served[adapter] == nil else { return decision }
        // It left a moment ago, and the index does not know yet.
        var again = query
        again.candidates = (query.candidates ?? router.routableAdapters).filter { served[$0] != nil }
        guard again.candidates?.isEmpty == false else {
            return .fallback(reason: "no adapter with routing data is served", text: query.text)
        }
        return try router.decide(again)
    }

    /// What decides: the last turn of the user, or the last turn where there is none.
    private func text(_ content: RouteQuestion.Content) -> String {
        switch content {
        case .messages(let messages): LibraryRouting.decidingText(messages)
        case .text(let text): text
        case .tokens(let tokens): decode(tokens)
        }
    }

    static func decidingText(_ messages: [ChatMessage]) -> String {
        (messages.last { $0.role == "user" } ?? messages.last)?.content ?? ""
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
