import Adapters
import ArgumentParser
import Gateway
import Generation
import JSON
import Routing

/// `lmoe complete`: one answer without a server.
struct Complete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer one prompt, routed unless an adapter is named.",
        discussion: """
            EXAMPLES
              lmoe complete "list all files larger than 10 MB under /var"
              lmoe complete --adapter sql --max-tokens 64 "how many rivers are in texas"
              lmoe complete --adapter base --json "write me a sonnet about rain"
              lmoe complete --memory facts --explain "which code opens the annex"
              lmoe complete --adapter my-mixture --explain-experts "what is a monad"
              lmoe complete --raw --max-tokens 0 --logits l.safetensors "Once upon a time"
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @OptionGroup var steps: EngineOptions
    @OptionGroup var sampling: SamplingOptions
    @Option(name: .customLong("adapter"), help: "The adapter's name, `base`, or `auto` to route.") var givenAdapter: String?
    var adapter: String? { givenAdapter ?? Variables.text("adapter") }
    @OptionGroup var memory: MemoryNames
    @Flag(help: "Take the prompt as it is: no chat template, no added special tokens.") var raw = Variables.flag("raw")
    @Flag(help: "Compute in f32 instead of the fast path.") var reference = Variables.flag("reference")
    @Option(name: .customLong("logits"), help: ArgumentHelp("Write the prompt's logits, f32 [tokens, vocabulary], as safetensors.", valueName: "file"))
    var givenLogits: String?
    var logits: String? { givenLogits ?? Variables.text("logits") }
    @Flag(help: "Tell which experts of a mixture each layer chose, and how sure its router was; with --json, all logits.")
    var explainExperts = Variables.flag("explain_experts")
    @Flag(help: "Tell which fact of a memory answers, how sure that is, and what would have come without it.")
    var explain = Variables.flag("explain")
    @Option(name: .customLong("system"), help: "A system message before the prompt.") var givenSystem: String?
    var system: String? { givenSystem ?? Variables.text("system") }
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The prompt; without it standard input is read whole.") var prompt: [String] = []

    func validate() throws {
        if raw, system != nil { throw ValidationError("--system needs the chat template; it can't go with --raw.") }
    }

    func run() async throws {
        let choice = try AdapterChoice(adapter)
        var flags = folders.flags.merging(steps.flags) { _, more in more }
        if reference { flags[.precision] = "reference" }
        let workspace = try Workspace(model, flags: flags)
        let text = prompt.isEmpty ? try Terminal.allInput() : prompt.joined(separator: " ")
        guard !text.isEmpty else { throw Failure.usage("the prompt is empty") }
        let base = try workspace.base()
        let library = try workspace.library(base: base.weights, isRouted: choice == .routed)
        try choice.check(in: library)
        let engine = try workspace.configuration.openEngine(base, library: library, encoder: workspace.encoder.open)
        defer { engine.stop() }
        let serving = Workspace.serving(engine, library)
        let decision = try await serving.decide(choice.selection(RouteQuestion(.text(text), caller: .operator)))
        Terminal.progress("adapter: \(RouteText(decision: decision).label)")
        let messages =
            (system.map { [ChatMessage(role: "system", content: $0)] } ?? []) + [ChatMessage(role: "user", content: text)]
        let adapter = logits == nil && !explainExperts ? nil : try decision.adapter.map { name in try library.store.acquire(name) }
        func tokens() throws -> [Int32] {
            try PromptTokens(base: base, adapter: adapter).tokens(raw ? .raw(text) : .chat(messages))
        }
        if let logits { try LogitsFile.write(logits, of: try tokens(), base: base, adapter: adapter) }
        func show(_ answer: Answer, without: String? = nil) throws {
            let experts = explainExperts ? try ExpertExplanation(prompt: tokens(), answer: answer.text, base: base, adapter: adapter) : nil
            guard json else {
                if let experts { print("\n\(experts.text)") }
                return
            }
            var document = document(answer.decision ?? decision, answer, base.name)
            if let without, case .object(var memory)? = document["memory"] {
                memory["without"] = .string(without)
                document["memory"] = .object(memory)
            }
            if let experts { document["experts"] = experts.json }
            print(JSONValue.object(document).serialized(pretty: true))
        }
        guard sampling.maxTokens > 0 else { return try show(Answer()) }
        var request = GenerationRequest(
            id: "complete", prompt: raw ? .text(text, addSpecialTokens: false, parseSpecial: true) : .chat(messages, tools: []),
            sampling: sampling.parameters,
            maxTokens: min(sampling.maxTokens, max(1, engine.contextLength - 1)), stop: sampling.stop)
        request.memories = memory.names
        let answer = try Answer.run(.decided(decision), request, on: serving) { if !json { Terminal.write($0) } }
        if !json { Terminal.write("\n") }
        guard explain else {
            if let recall = answer.start?.recall { Terminal.progress("memory: \(RecallText(recall).line)") }
            return try show(answer)
        }
        guard let recall = answer.start?.recall else {
            if !json { print("\nno fact is meant: the answer is the same without a memory") }
            return try show(answer)
        }
        request.memories = []
        // A memory that answers as an adapter leaves the base.
        let isMemory = answer.start?.adapter == recall.memory
        let same = RouteDecision.explicit(isMemory ? nil : answer.start?.adapter, reason: "the same without the memory")
        let without = try Answer.run(.decided(same), request, on: serving) { _ in }.text
        if !json { print("\n\(RecallText(recall).text)\nwithout the memory: \(without)") }
        try show(answer, without: without)
    }

    private func document(_ decision: RouteDecision, _ answer: Answer, _ name: String) -> JSONObject {
        [
            "model": .string(name),
            "adapter": decision.adapter.map(JSONValue.string) ?? .null,
            "version": answer.start?.adapterVersion.map(JSONValue.string) ?? .null,
            "memory": answer.start?.recall?.json ?? .null,
            "text": .string(answer.text),
            "finish_reason": .string(answer.finish.rawValue),
            "usage": [
                "prompt_tokens": .integer(Int64(answer.usage.promptTokens)),
                "completion_tokens": .integer(Int64(answer.usage.completionTokens)),
            ],
            "timings_ms": [
                "queue": .number(answer.timings.queueMilliseconds), "load": .number(answer.timings.loadMilliseconds),
                "prefill": .number(answer.timings.prefillMilliseconds), "decode": .number(answer.timings.decodeMilliseconds),
            ],
            "route": decision.json,
        ]
    }
}
