import Generation
import HTTP
import JSON
import Serving
import Synchronization
import TestSupport
import UV

@testable import OpenAIAPI

/// Plays what a test says instead of generating, and remembers what it was asked.
final class ScriptedBackend: GenerationBackend {
    typealias Script = @Sendable (GenerationRequest, GenerationStream) -> Void

    let baseModelName = "smol"
    let contextLength = 2048
    let status = BackendStatus()
    private let loads = Mutex<[String]>([])
    private let script: Script
    /// nil: it has no facts to tell.
    let vocabulary = Mutex<Int?>(nil)
    /// Why adapters cannot answer, by name.
    let refusals = Mutex<[String: GenerationError]>([:])
    /// Adapters whose submissions wait for `release`.
    let held = Mutex<Set<String>>([])
    private let waiting = Mutex<[GenerationSubmission]>([])
    private let seen = Mutex<[GenerationRequest]>([])
    private let streams = Mutex<[GenerationStream]>([])

    init(_ script: @escaping Script = ScriptedBackend.hello) { self.script = script }

    var requests: [GenerationRequest] { seen.withLock { $0 } }
    var loaded: [String] { loads.withLock { $0 } }
    var openStreams: [GenerationStream] { streams.withLock { $0 } }

    var heldCount: Int { waiting.withLock { $0.count } }

    func release() {
        held.withLock { $0 = [] }
        let submissions = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        for submission in submissions { submit(submission) }
    }

    func submit(_ submission: GenerationSubmission) {
        if let name = submission.adapter, held.withLock({ $0.contains(name) }) { return waiting.withLock { $0.append(submission) } }
        submission.answer(
            unless: { request in
                guard let name = request.adapter, let error = refusals.withLock({ $0[name] }) else { return nil }
                seen.withLock { $0.append(request) }
                return error
            }) { request, stream in
                seen.withLock { $0.append(request) }
                streams.withLock { $0.append(stream) }
                script(request, stream)
            }
    }

    func load(_ adapter: String) throws(GenerationError) { loads.withLock { $0.append(adapter) } }

    var facts: BaseModelFacts? {
        vocabulary.withLock { $0 }.map {
            BaseModelFacts(
                architecture: "llama", identity: "", parameters: 0, elementType: "q4_0", weightBytes: 0, layers: 0, hidden: 0, feedForward: 0,
                heads: 0, keyValueHeads: 0, vocabulary: $0)
        }
    }

    var tokenizer: TokenizerFacts? {
        TokenizerFacts(beginOfSequence: nil, endOfSequence: "</s>", padding: "<pad>", chatTemplate: "{{ messages }}", vocabularySize: 256)
    }

    /// A token a byte; a special one, 1, before texts that want it.
    func prompt(of request: GenerationRequest) async throws(GenerationError) -> PromptReport {
        seen.withLock { $0.append(request) }
        switch request.prompt {
        case .text(let text, let addSpecialTokens, _):
            let bytes = text.utf8.map { [$0] }
            let special: [[UInt8]] = addSpecialTokens ? [Array("<s>".utf8)] : []
            return PromptReport(tokens: (addSpecialTokens ? [1] : []) + text.utf8.map(Int32.init), bytes: special + bytes)
        case .tokens(let tokens):
            if let wrong = tokens.first(where: { $0 > 255 }) { throw GenerationError(.invalidRequest, "token id \(wrong) is not there") }
            return PromptReport(tokens: tokens, bytes: tokens.map { [UInt8($0)] })
        case .chat(let messages, _):
            let text = messages.map { "[\($0.role)]\($0.content)" }.joined() + (request.rendering.asksForAnswer ? "[assistant]" : "")
            var report = PromptReport(tokens: text.utf8.map(Int32.init), bytes: text.utf8.map { [$0] })
            report.rendered = text
            return report
        }
    }

    func stop(whenStopped: @escaping @Sendable () -> Void) { whenStopped() }

    /// Two pieces, `Hel` and `lo`, after five prompt tokens of which two were cached.
    static let hello: Script = { request, stream in
        let version = request.adapter.map { "v-\($0)" }
        stream.send(.started(.init(adapter: request.adapter, adapterVersion: version, promptTokens: 5, cachedTokens: 2)))
        let first = TokenLogprob(chosen: token(10, "Hel", -0.5), top: [token(10, "Hel", -0.5), token(11, "Hi", -1.5)])
        let second = TokenLogprob(chosen: token(12, "lo", -0.25), top: [token(12, "lo", -0.25), token(13, "p", -2)])
        let wanted = request.topLogprobs != nil
        stream.send(.delta(text: "Hel", logprobs: wanted ? [first] : []))
        stream.send(.delta(text: "lo", logprobs: wanted ? [second] : []))
        stream.send(.finished(.stop, .init(promptTokens: 5, cachedTokens: 2, completionTokens: 2), timings))
    }

    static let timings: GenerationTimings = {
        var timings = GenerationTimings()
        timings.queueMilliseconds = 1
        timings.loadMilliseconds = 2
        timings.prefillMilliseconds = 3
        timings.decodeMilliseconds = 4
        return timings
    }()

    static func token(_ id: Int32, _ text: String, _ logprob: Float) -> TokenLogprob.Alternative {
        .init(token: id, bytes: Array(text.utf8), logprob: logprob)
    }

    static func failing(_ error: GenerationError) -> Script { { _, stream in stream.send(.failed(error)) } }
}

/// Two adapters, `bash` and `sql`; the router chooses the one whose name the text holds.
final class ScriptedServices: ModelCatalogue, RequestRouter, AdapterAdministration, EmbeddingService {
    let names = ["bash", "sql"]
    let questions = Mutex<[RouteQuestion]>([])
    let changes = Mutex<[String]>([])
    /// Routing and embedding take until the client has left, and say so here.
    let waitsForCancellation = Mutex(false)
    let cancelled = Mutex<[String]>([])
    /// Thrown by `report`.
    let failure = Mutex<(any Error)?>(nil)
    /// Changes what the router and explicit choices say.
    let adjust = Mutex<@Sendable (inout RouteDecision) -> Void>({ _ in })

    func models() -> [ServedModel] {
        [ServedModel(id: "smol", created: 100, root: "smol", parent: nil, contextLength: 2048)]
            + names.map { ServedModel(id: $0, created: 200, root: "adapters/\($0)", parent: "smol", contextLength: 2048) }
    }

    func isServable(_ adapter: String) -> Bool { names.contains(adapter) }
    func adapterNames() -> [String] { names }
    func admits(_ caller: Caller, to adapter: String) -> Bool { !(adapter == "sql" && caller.key == "team-b") }
    func isBaseName(_ name: String) -> Bool { name == "org/Smol-Instruct" }
    func repeatedHeader(of caller: Caller) -> String? { caller.headers["x-team"].flatMap { $0.count > 1 ? "x-team" : nil } }
    func refusal(_ adapter: String) -> String? { adapter == "broken" ? "one matrix is missing. Copy it again" : nil }

    func route(_ question: RouteQuestion) async throws(GenerationError) -> RouteDecision {
        questions.withLock { $0.append(question) }
        await waitForCancellation("route")
        let text =
            switch question.content {
            case .messages(let messages): messages.last?.content ?? ""
            case .text(let text): text
            case .tokens: ""
            }
        let allowed = question.candidates ?? names
        if let unknown = allowed.first(where: { !names.contains($0) }) {
            throw GenerationError(.unknownCandidate, "`\(unknown)` is not routable")
        }
        let name = allowed.first(where: text.contains)
        var decision = RouteDecision(
            adapter: name, route: name == nil ? .fallback : .matched, reason: "scripted", probability: name == nil ? 0.125 : 0.9375)
        decision.milliseconds = 1.5
        adjust.withLock { $0 }(&decision)
        return decision
    }

    func fellBack(from adapter: String, to decision: RouteDecision, _ question: RouteQuestion) {}

    func timeoutMilliseconds(of adapter: String) -> Int? {
        var decision = RouteDecision.explicit(adapter, reason: "")
        adjust.withLock { $0 }(&decision)
        return decision.notes.timeoutMilliseconds
    }

    func list() async throws -> [AdapterReport] {
        if let failure = failure.withLock({ $0 }) { throw failure }
        return names.map { AdapterReport(name: $0, state: "ready", reason: nil, folder: "adapters/\($0)") }
    }

    func report(_ name: String) async throws -> AdapterReport {
        if let failure = failure.withLock({ $0 }) { throw failure }
        guard names.contains(name) else { throw APIError(.adapterNotFound, "There is no adapter `\(name)`.") }
        return AdapterReport(name: name, state: "resident", reason: nil, folder: "adapters/\(name)", details: ["rank": 8])
    }
    func receive(_ piece: AdapterPiece) async throws -> Int {
        changes.withLock { $0.append("receive \(piece.adapter) \(piece.file) \(piece.first)+\(piece.bytes.count)/\(piece.total)") }
        return piece.first + piece.bytes.count
    }
    func publish(_ name: String, replaces: Bool) async throws -> AdapterReport {
        changes.withLock { $0.append("publish \(name)\(replaces ? " in place" : "")") }
        return AdapterReport(name: name, state: "ready", reason: nil, folder: "adapters/\(name)")
    }
    func discardUpload(_ name: String) async throws { changes.withLock { $0.append("discard \(name)") } }
    func add(_ name: String, source: String, replaces: Bool) async throws -> AdapterReport {
        changes.withLock { $0.append("add \(name) \(source)\(replaces ? " in place" : "")") }
        return AdapterReport(name: name, state: "ready", reason: nil, folder: "adapters/\(name)")
    }
    func remove(_ name: String) async throws { changes.withLock { $0.append("remove \(name)") } }
    func load(_ name: String, path: String, inPlace: Bool) async throws {
        if names.contains(name), !inPlace { throw APIError(.adapterExists, "already loaded", param: "lora_name") }
        changes.withLock { $0.append("load \(name) \(path)") }
    }
    func unload(_ name: String) async throws {
        guard names.contains(name) else { throw APIError(.adapterNotFound, "cannot be found", param: "lora_name") }
        changes.withLock { $0.append("unload \(name)") }
    }

    func bring(_ name: String) async throws { changes.withLock { $0.append("bring \(name)") } }
    func release(_ name: String) async throws { changes.withLock { $0.append("release \(name)") } }

    let name = "mini"
    let dimension = 4
    let maxTokens = 8

    /// A token a byte; ids are bytes.
    func texts(of inputs: [EmbeddingInput], cut: EmbeddingCut) async throws -> [String] {
        try inputs.map { input in
            var bytes: [UInt8]
            switch input.content {
            case .text(let text): bytes = Array(text.utf8)
            case .tokens(let tokens): bytes = tokens.map { UInt8(truncatingIfNeeded: $0) }
            }
            if case .tokens(let most) = cut { bytes = Array(bytes.prefix(most)) }
            guard bytes.count <= maxTokens else { throw APIError(.contextLengthExceeded, "too long", param: input.path) }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
    func embed(_ texts: [String]) async throws -> EmbeddedTexts {
        await waitForCancellation("embed")
        return vectors(of: texts)
    }

    private func waitForCancellation(_ work: String) async {
        guard waitsForCancellation.withLock({ $0 }) else { return }
        while !Task.isCancelled { await Task.yield() }
        cancelled.withLock { $0.append(work) }
    }

    private func vectors(of texts: [String]) -> EmbeddedTexts {
        EmbeddedTexts(
            vectors: texts.flatMap { _ in [Float(0.5), 0.5, 0.5, 0.5] }, tokenCounts: texts.map { $0.utf8.count },
            tokenizeMicroseconds: 0, embedMicroseconds: 0)
    }
}

/// Mixes a count instead of drawing, so that identities differ and are the same in every run.
struct CountingGenerator: RandomNumberGenerator {
    private var count: UInt64 = 0
    mutating func next() -> UInt64 {
        count &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (count ^ (count >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
