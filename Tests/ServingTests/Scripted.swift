import Generation
import Synchronization
import TestSupport

@testable import Serving

/// Plays what a test says for each request.
final class ScriptedBackend: GenerationBackend {
    typealias Script = @Sendable (GenerationRequest, GenerationStream) -> Void

    let baseModelName = "smol"
    let contextLength = 2048
    let status = BackendStatus()
    private let script: Script
    private let gone: Set<String>
    private let code: GenerationError.Code
    private let seen = Mutex<[GenerationRequest]>([])
    private let loads = Mutex<[String]>([])

    /// - Parameters:
    ///   - gone: adapters that are not there, or cannot be used for the reason `code`.
    init(gone: Set<String> = [], code: GenerationError.Code = .adapterNotFound, _ script: @escaping Script = ScriptedBackend.naming) {
        (self.gone, self.code, self.script) = (gone, code, script)
    }

    var requests: [GenerationRequest] { seen.withLock { $0 } }
    var loaded: [String] { loads.withLock { $0 } }

    func submit(_ submission: GenerationSubmission) {
        submission.answer(
            unless: { request in
                guard let adapter = request.adapter, gone.contains(adapter) else { return nil }
                seen.withLock { $0.append(request) }
                return GenerationError(code, "\(adapter) is gone")
            }) { request, stream in
                seen.withLock { $0.append(request) }
                script(request, stream)
            }
    }

    func load(_ adapter: String) throws(GenerationError) { loads.withLock { $0.append(adapter) } }
    func stop(whenStopped: @escaping @Sendable () -> Void) { whenStopped() }

    /// The adapter's name as the text.
    static let naming: Script = { request, stream in
        stream.send(.started(.init(adapter: request.adapter, adapterVersion: nil, promptTokens: 1, cachedTokens: 0)))
        stream.send(.delta(text: request.adapter ?? "base", logprobs: []))
        stream.send(.finished(.stop, .init(promptTokens: 1, cachedTokens: 0, completionTokens: 1), .init()))
    }
}

/// Tells how many sequences each submission has.
final class CountingBackend: GenerationBackend {
    let baseModelName = "smol"
    let contextLength = 2048
    let status = BackendStatus()
    private let submitted: @Sendable (Int) -> Void

    init(_ submitted: @escaping @Sendable (Int) -> Void) { self.submitted = submitted }

    func submit(_ submission: GenerationSubmission) {
        submitted(submission.choices.count)
        for choice in submission.choices { ScriptedBackend.naming(choice.request, choice.stream) }
    }

    func stop(whenStopped: @escaping @Sendable () -> Void) { whenStopped() }
}

/// Chooses the adapter that a text names; texts that begin with `wait` wait until the test lets them go.
final class ScriptedRouter: RequestRouter {
    private let gate = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))
    let questions = Mutex<[RouteQuestion]>([])
    /// Texts whose routing was cancelled while it waited.
    let cancelled = Mutex<[String]>([])
    let fallbacks = Mutex<[String]>([])
    let adjust: @Sendable (inout RouteDecision) -> Void

    init(_ adjust: @escaping @Sendable (inout RouteDecision) -> Void = { _ in }) { self.adjust = adjust }

    func route(_ question: RouteQuestion) async throws(GenerationError) -> RouteDecision {
        questions.withLock { $0.append(question) }
        guard case .text(let text) = question.content else { throw GenerationError(.internalFailure, "no text") }
        if text == "full" { throw GenerationError(.overloaded, "full") }
        if text.hasPrefix("wait") {
            await wait()
            if Task.isCancelled { cancelled.withLock { $0.append(text) } }
        }
        var decision = RouteDecision(adapter: String(text.split(separator: " ").last ?? "base"), route: .matched, reason: "it was named")
        decision.probability = 0.75
        if decision.adapter == "base" { decision = .fallback(reason: "nothing fits: the base answers") }
        adjust(&decision)
        return decision
    }

    func fellBack(from adapter: String, to decision: RouteDecision, _ question: RouteQuestion) {
        guard case .text(let text) = question.content else { return }
        fallbacks.withLock { $0.append("\(text): \(adapter) -> \(decision.adapter ?? "base")") }
    }

    func timeoutMilliseconds(of adapter: String) -> Int? { adapter == "slow" ? 70 : nil }

    /// Questions that the gate holds.
    var waiting: Int { gate.withLock { $0.waiting.count } }

    func open() {
        let waiting = gate.withLock { gate in
            gate.isOpen = true
            defer { gate.waiting = [] }
            return gate.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = gate.withLock { gate in
                if !gate.isOpen { gate.waiting.append(continuation) }
                return gate.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

/// What arrived for one choice.
struct Transcript: Sendable {
    var decisions: [RouteDecision] = []
    var text = ""
    var failure: GenerationError?
    var isOver = false
    /// `routed` came first.
    var beginsWithDecision = false

    mutating func take(_ event: GenerationEvent) {
        if decisions.isEmpty, text.isEmpty, case .routed = event { beginsWithDecision = true }
        switch event {
        case .routed(let decision): decisions.append(decision)
        case .started, .reasoning, .toolCall, .prompt: break
        case .delta(let more, _): text += more
        case .finished: isOver = true
        case .failed(let error):
            failure = error
            isOver = true
        }
    }
}

/// Reads streams to their ends.
final class Reader: Sendable {
    private let transcripts: Mutex<[Transcript]>
    let streams: [GenerationStream]

    init(_ count: Int) {
        transcripts = Mutex(Array(repeating: Transcript(), count: count))
        streams = (0..<count).map { _ in GenerationStream(onEvents: {}) }
    }

    var all: [Transcript] {
        transcripts.withLock { transcripts in
            for (index, stream) in streams.enumerated() {
                for event in stream.drain() { transcripts[index].take(event) }
            }
            return transcripts
        }
    }

    /// Waits for a state; the limit is for a test that would hang.
    func until(_ condition: ([Transcript]) -> Bool) async -> [Transcript] {
        for _ in 0..<60_000 {
            let now = all
            if condition(now) { return now }
            try? await Task.sleep(for: .milliseconds(1))
        }
        return all
    }

    func ends() async -> [Transcript] { await until { $0.allSatisfy(\.isOver) } }

    func choice(_ index: Int, scale: Double = 1) -> RoutedPrompt.Choice {
        .init(
            GenerationRequest(id: "r-\(index)", prompt: .text("", addSpecialTokens: true, parseSpecial: false), scale: scale),
            stream: streams[index])
    }
}
