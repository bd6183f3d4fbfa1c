import Adapters
import ArgumentParser
import Gateway
import Generation
import Serving

/// `lmoe chat`: a conversation in the terminal.
struct Chat: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Talk to the models; each turn shows the adapter that answers and its probability.",
        discussion: """
            EXAMPLES
              lmoe chat
              lmoe chat --adapter bash --temperature 0.7
              lmoe chat --memory facts

            Lines that start with a slash are commands: /adapter NAME (or base, auto), /reset, /exit.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @OptionGroup var steps: EngineOptions
    @OptionGroup var sampling: SamplingOptions
    @Option(name: .customLong("adapter"), help: "The adapter's name, `base`, or `auto` to route each turn.")
    var givenAdapter: String?
    var adapter: String? { givenAdapter ?? Variables.text("adapter") }
    @OptionGroup var memory: MemoryNames
    @Option(name: .customLong("system"), help: "A system message before the first turn.") var givenSystem: String?
    var system: String? { givenSystem ?? Variables.text("system") }

    func run() throws {
        let choice = try AdapterChoice(adapter)
        let workspace = try Workspace(model, flags: folders.flags.merging(steps.flags) { _, more in more })
        let base = try workspace.base()
        let library = try workspace.library(base: base.weights)
        try choice.check(in: library)
        let engine = try workspace.configuration.openEngine(base, library: library, encoder: workspace.encoder.open)
        defer { engine.stop() }
        Terminal.progress("adapters: \(library.shelf.names.joined(separator: ", ")); /exit ends")
        var conversation = Conversation(
            choice: choice, system: system, memories: memory.names, library: library, serving: Workspace.serving(engine, library),
            sampling: sampling)
        while true {
            if Terminal.inputIsTerminal { Terminal.write("> ") }
            guard let line = readLine() else { break }
            guard try conversation.take(line) else { break }
        }
    }
}

/// Turns so far and what answers the next one.
private struct Conversation {
    var choice: AdapterChoice
    let system: String?
    let memories: [String]
    let library: AdapterLibrary
    let serving: RoutedBackend
    let sampling: SamplingOptions
    private var messages: [ChatMessage] = []

    init(
        choice: AdapterChoice, system: String?, memories: [String], library: AdapterLibrary, serving: RoutedBackend, sampling: SamplingOptions
    ) {
        self.choice = choice
        self.system = system
        self.memories = memories
        self.library = library
        self.serving = serving
        self.sampling = sampling
        reset()
    }

    private mutating func reset() {
        messages = system.map { [ChatMessage(role: "system", content: $0)] } ?? []
    }

    /// False at the end.
    mutating func take(_ line: String) throws -> Bool {
        let words = line.split(separator: " ").map(String.init)
        switch words.first {
        case nil: return true
        case "/exit", "/quit": return false
        case "/reset": reset()
        case "/adapter": change(to: words.dropFirst().first)
        case .some(let word) where word.hasPrefix("/"):
            Terminal.say("unknown command \(word); there are /adapter, /reset, /exit")
        default: try answer(line)
        }
        return true
    }

    private mutating func change(to name: String?) {
        do {
            let wanted = try AdapterChoice(name)
            try wanted.check(in: library)
            choice = wanted
        } catch let failure as Failure {
            Terminal.say(failure.message)
        } catch {
            Terminal.say("\(error)")
        }
    }

    private mutating func answer(_ line: String) throws {
        library.refresh()
        messages.append(ChatMessage(role: "user", content: line))
        let id = "chat-\(messages.count)"
        var request = GenerationRequest(
            id: id, prompt: .chat(messages, tools: []), sampling: sampling.parameters,
            maxTokens: min(max(1, sampling.maxTokens), max(1, serving.backend.contextLength / 2)), stop: sampling.stop)
        request.memories = memories
        let question = RouteQuestion(.messages(messages), caller: .operator, requestID: id, isServed: true)
        do {
            let answer = try Answer.run(
                choice.selection(question), request, on: serving,
                started: { Terminal.write("[\(RouteText(decision: $0).label)] ") }, onText: { Terminal.write($0) })
            messages.append(ChatMessage(role: "assistant", content: answer.text))
            if let recall = answer.start?.recall { Terminal.write("\n[from memory: \(RecallText(recall).line)]") }
        } catch let failure as Failure {
            // The turn is taken back; the conversation goes on.
            messages.removeLast()
            Terminal.say(failure.message)
        }
        Terminal.write("\n")
    }
}
