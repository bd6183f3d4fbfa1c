import Adapters
import Generation
import Glibc
import Routing
import Synchronization
import TestSupport

@testable import Gateway

typealias WordEmbedder = TestSupport.WordEmbedder

/// A `WordEmbedder` that waits in the middle of its work while it is held.
final class HeldEmbedder: TextEmbedder {
    private let words = WordEmbedder()
    private let state = Mutex((isHeld: false, isWaiting: false))

    var dimension: Int { words.dimension }
    var identity: String { words.identity }
    var name: String { words.name }
    var maxTokens: Int { words.maxTokens }
    var isWaiting: Bool { state.withLock { $0.isWaiting } }

    func embed(_ texts: [String]) throws -> EmbeddedTexts {
        while state.withLock({ state in
            state.isWaiting = state.isHeld
            return state.isHeld
        }) { usleep(1_000) }
        return try words.embed(texts)
    }

    func hold() { state.withLock { $0.isHeld = true } }
    func release() { state.withLock { $0.isHeld = false } }
}

/// Says the adapter's name and its version; holds back the end while `isHeld`. Pins as an engine does.
final class NamingBackend: GenerationBackend {
    let baseModelName = "tiny"
    let contextLength = 32
    let status = BackendStatus()
    let store: AdapterStore
    private let held = Mutex<(isHeld: Bool, waiting: [@Sendable () -> Void])>((false, []))
    let stops = Mutex(0)
    let requests = Mutex<[GenerationRequest]>([])

    init(_ store: AdapterStore) { self.store = store }

    func submit(_ submission: GenerationSubmission) {
        let pinned = Mutex<PinnedAdapter?>(nil)
        submission.answer(
            unless: { request in
                do throws(AdapterError) {
                    let adapter = try request.adapter.map { name throws(AdapterError) in try store.acquire(name) }
                    pinned.withLock { $0 = adapter }
                    return nil
                } catch {
                    return GenerationError(error.code == .unavailable ? .overloaded : .adapterNotFound, error.description)
                }
            }) { request, stream in answer(request, pinned.withLock { $0 }, to: stream) }
    }

    private func answer(_ request: GenerationRequest, _ pinned: PinnedAdapter?, to stream: GenerationStream) {
        requests.withLock { $0.append(request) }
        stream.send(
            .started(.init(adapter: request.adapter, adapterVersion: pinned?.version, promptTokens: 1, cachedTokens: 0)))
        stream.send(.delta(text: request.adapter ?? "base", logprobs: []))
        let finish: @Sendable () -> Void = {
            withExtendedLifetime(pinned) {
                stream.send(.finished(.stop, .init(promptTokens: 1, cachedTokens: 0, completionTokens: 1), .init()))
            }
        }
        let isHeld = held.withLock { held in
            if held.isHeld { held.waiting.append(finish) }
            return held.isHeld
        }
        if !isHeld { finish() }
    }

    func hold() { held.withLock { $0.isHeld = true } }

    func release() {
        let waiting = held.withLock { held in
            defer { held = (false, []) }
            return held.waiting
        }
        for finish in waiting { finish() }
    }

    func load(_ adapter: String) throws(GenerationError) {
        do {
            _ = try store.preload(adapter)
        } catch {
            throw GenerationError(.adapterRejected, error.description)
        }
    }

    func detokenize(_ tokens: [Int32]) async throws(GenerationError) -> String { "list files in a folder" }
    func stop(whenStopped: @escaping @Sendable () -> Void) {
        stops.withLock { $0 += 1 }
        whenStopped()
    }
}

enum Fixture {
    static let shell = ["list the files in a folder", "find large files on disk", "count lines of files", "show free disk space"]
    static let queries = ["which rivers cross texas", "what is the population of ohio", "name the states that border iowa"]

    /// `shell` and `geo`, and a library over them.
    static func library(_ folder: TemporaryFolder, embedder: WordEmbedder? = WordEmbedder(), routes: Bool = false, policy: RequestPolicy = .init(), hasKeys: Bool = true, limits: AdapterLimits = AdapterLimits(), check: PromptingCheck? = nil) throws -> AdapterLibrary {
        let adapters = try folder.makeFolder("adapters")
        try TinyAdapter.write("shell", in: adapters, value: 1, examples: shell)
        try TinyAdapter.write("geo", in: adapters, value: 2, examples: queries)
        let router = embedder.map { Router(embedder: $0) }
        return AdapterLibrary(
            store: AdapterStore(
                folder: adapters, base: TinyAdapter.base, budgetBytes: 1 << 20, limits: quick(limits), check: check),
            router: router, files: RouteFiles(routesFolder: routes ? try folder.makeFolder("routes") : nil), policy: policy,
            hasKeys: hasKeys)
    }

    /// Folders rest after 50 ms.
    static func quick(_ limits: AdapterLimits = AdapterLimits()) -> AdapterLimits {
        var limits = limits
        limits.settleMilliseconds = 50
        return limits
    }
}
