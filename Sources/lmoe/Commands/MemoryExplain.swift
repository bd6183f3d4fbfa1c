import ArgumentParser
import JSON
import Memory

/// `lmoe memory explain`: what the gate thinks of a text.
struct MemoryExplain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Tell which fact a text means, and how near the others came.",
        discussion: """
            EXAMPLES
              lmoe memory explain "which code opens the annex"

            A fact answers when its score reaches the threshold. Exit status 3: none does, and \
            the base would answer.
            """)

    @OptionGroup var choice: MemoryChoice
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The text.") var text: [String]

    func run() throws {
        let memory = try choice.open()
        guard memory.exists else { throw Failure(message: "there is no memory \(memory.name)") }
        let weights = try memory.workspace.configuration.openBaseWeights()
        let open = try memory.workspace.configuration.openMemories(for: weights).memory(at: memory.folder)
        let decision = try open.decide(text.joined(separator: " "), with: try memory.encoder())
        let snapshot = open.snapshot
        if json {
            print(try document(decision, snapshot, memory.name).serialized(pretty: true))
        } else {
            try tell(decision, snapshot)
        }
        if decision.fact == nil { throw ExitCode(ExitStatus.no.rawValue) }
    }

    private func tell(_ decision: GateDecision, _ snapshot: MemorySnapshot) throws {
        if let id = decision.fact, let fact = try snapshot.fact(id) {
            print("fact \(id): \(fact.question)\nanswer: \(fact.answer)\n")
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

    private func document(_ decision: GateDecision, _ snapshot: MemorySnapshot, _ name: String) throws -> JSONValue {
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
            "candidates": .array(candidates),
        ]
    }
}
