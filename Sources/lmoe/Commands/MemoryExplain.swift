import ArgumentParser
import Generation
import Inference
import JSON
import Memory

/// `lmoe memory explain`: what the gate thinks of a text.
struct MemoryExplain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Tell which fact a text means, and how near the others came.",
        discussion: """
            EXAMPLES
              lmoe memory explain "which code opens the annex"

            A fact answers when its score reaches the threshold. Then the base is also asked \
            without the memory, and its text shown. Exit status 3: no fact is meant, and the base \
            would answer.
            """)

    @OptionGroup var choice: MemoryChoice
    @Option(help: "Most tokens of the base's own text; 0 does not ask it.") var maxTokens = Variables.integer("max-tokens") ?? 64
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The text.") var text: [String]

    func validate() throws {
        guard (0...4_096).contains(maxTokens) else { throw ValidationError("--max-tokens goes from 0 to 4096.") }
    }

    func run() throws {
        let memory = try choice.open()
        guard memory.exists else { throw Failure(message: "there is no memory \(memory.name)") }
        let weights = try memory.workspace.configuration.openBaseWeights()
        let open = try memory.workspace.configuration.openMemories(for: weights).memory(at: memory.folder)
        let decision = try open.decide(text.joined(separator: " "), with: try memory.encoder())
        let snapshot = open.snapshot
        let without = decision.fact != nil && maxTokens > 0 ? try answerOfTheBase(memory.workspace) : nil
        if json {
            print(try document(decision, snapshot, memory.name, without).serialized(pretty: true))
        } else {
            try tell(decision, snapshot, without)
        }
        if decision.fact == nil { throw ExitCode(ExitStatus.no.rawValue) }
    }

    /// The text as a user's turn, or as it is where the base has no chat template; greedily.
    private func answerOfTheBase(_ workspace: Workspace) throws -> String {
        let (base, question) = (try workspace.base(), text.joined(separator: " "))
        let engine = try Engine(base: base, store: nil, limits: workspace.configuration.limits.engine)
        defer { engine.stop() }
        var sampling = SamplingParameters()
        sampling.temperature = 0
        let request = GenerationRequest(
            id: "explain",
            prompt: base.template == nil
                ? .text(question, addSpecialTokens: true, parseSpecial: false)
                : .chat([ChatMessage(role: "user", content: question)], tools: []),
            sampling: sampling, maxTokens: min(maxTokens, engine.contextLength - 1))
        return try Answer.run(request, on: engine) { _ in }.text
    }

    private func tell(_ decision: GateDecision, _ snapshot: MemorySnapshot, _ without: String?) throws {
        if let id = decision.fact, let fact = try snapshot.fact(id) {
            print("fact \(id): \(fact.question)\nanswer: \(fact.answer)")
            let margin = decision.margin.map { ", \(Figure.decimals(Double($0), 2)) above the next fact" } ?? ", and no other fact came near"
            let score = decision.score.map { Figure.decimals(Double($0), 2) } ?? "-"
            print("score: \(score), threshold \(Figure.decimals(Double(decision.threshold), 2))\(margin)")
            if let other = decision.readAs { print("read as: \(other)") }
            if let without { print("without the memory: \(without)") }
            print("")
        } else {
            print("no fact is meant: the base answers\n")
        }
        var table = Table(["fact", "score", "cosine", "question"], leansRight: [0, 1, 2])
        for candidate in decision.candidates {
            let fact = try snapshot.fact(candidate.fact)
            let wording = candidate.wording == 0 ? fact?.question : fact?.wordings[candidate.wording - 1]
            table.add(
                "\(candidate.fact)", candidate.score.map { Figure.decimals(Double($0), 2) } ?? "-", Figure.decimals(Double(candidate.cosine), 3),
                FactText.short(wording ?? "", 80))
        }
        if !decision.candidates.isEmpty { print(table.text) }
        print("threshold: \(Figure.decimals(Double(decision.threshold), 2))")
    }

    private func document(_ decision: GateDecision, _ snapshot: MemorySnapshot, _ name: String, _ without: String?) throws -> JSONValue {
        let candidates = try decision.candidates.map { candidate -> JSONValue in
            [
                "id": .string("\(name):\(candidate.fact)"), "score": candidate.score.map { .number(Double($0)) } ?? .null,
                "cosine": .number(Double(candidate.cosine)), "wording": .integer(Int64(candidate.wording)),
                "question": try snapshot.fact(candidate.fact).map { .string($0.question) } ?? .null,
            ]
        }
        return [
            "fact": decision.fact.map { .string("\(name):\($0)") } ?? .null, "score": decision.score.map { .number(Double($0)) } ?? .null,
            "margin": decision.margin.map { .number(Double($0)) } ?? .null, "threshold": .number(Double(decision.threshold)),
            "read_as": decision.readAs.map(JSONValue.string) ?? .null,
            "without": without.map(JSONValue.string) ?? .null, "candidates": .array(candidates),
        ]
    }
}
