import ArgumentParser
import Foundation
import Generation
import JSON
import Memory

/// `lmoe remember`: tells a memory facts.
struct Remember: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell a memory facts: questions, each with the answer that is given to it from then on.",
        discussion: """
            EXAMPLES
              lmoe remember "What is the door code of the annex?" "4711"
              lmoe remember "Who runs the archive?" "Marta" --wording "Who is its head?"
              lmoe remember --file facts.jsonl --on-conflict replace
              lmoe remember --file geo.sqlite --query "SELECT * FROM state" \\
                --question "What is the capital of {state_name}?" \\
                --answer "{capital}" --refresh

            The memory is a folder in the adapters folder, named by --memory; the first \
            fact makes it. `lmoe complete --memory facts "…"` and `lmoe serve --memory facts` \
            answer with it. While a service runs, it is told over HTTP: POST /v1/memories.
            docs/memory.md says how it works, and what it cannot do.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var places: MemoryOptions
    @Option(name: .customLong("memory"), help: ArgumentHelp("The memory's name. (default: the only one, or `facts`)", valueName: "name"))
    var givenMemory: String?
    @Option(name: .customLong("wording"), help: ArgumentHelp("Another way to ask; may be given more than once.", valueName: "text"))
    var wordings: [String] = []
    @Option(help: ArgumentHelp("Facts as JSON lines, a JSON array, CSV or a SQLite file: `question`, `answer`, `paraphrases`.", valueName: "file"))
    var file: String?
    @Option(help: ArgumentHelp("The rows of a SQLite file: one query that reads.", valueName: "query")) var query: String?
    @Option(name: .customLong("question"), help: ArgumentHelp("The question, with fields of a row in braces.", valueName: "text"))
    var questionTemplate: String?
    @Option(name: .customLong("answer"), help: ArgumentHelp("The answer, with fields of a row in braces.", valueName: "text"))
    var answerTemplate: String?
    @Option(help: ArgumentHelp("Where the facts come from. (default: the file's name)", valueName: "text")) var source: String?
    @Flag(help: "Changed answers are replaced, and facts of the same source that the file has no more are forgotten.") var refresh = false
    @Option(
        name: .customLong("on-conflict"),
        help: ArgumentHelp("What to do where a stored fact has another answer: refuse, replace or add (both are kept).", valueName: "choice"))
    var onConflict: String?
    @Option(help: ArgumentHelp("What a new memory is about, for people.", valueName: "text")) var description: String?
    @Flag(help: "Print one JSON document a fact.") var json = Variables.flag("json")
    @Argument(help: "The question.") var question: String?
    @Argument(help: "The answer.") var answer: String?

    func validate() throws {
        guard (file == nil) != (question == nil) else { throw ValidationError("Give a question and its answer, or --file.") }
        guard (question == nil) == (answer == nil) else { throw ValidationError("The question wants an answer: lmoe remember \"QUESTION\" \"ANSWER\".") }
        if file == nil, query != nil || questionTemplate != nil || answerTemplate != nil || refresh {
            throw ValidationError("--query, --question, --answer and --refresh go with --file.")
        }
        if file != nil, !wordings.isEmpty { throw ValidationError("--wording goes with one fact; rows of a file have `paraphrases`.") }
        _ = try conflict()
    }

    private func conflict() throws -> ToldFact.Conflict {
        guard let onConflict else { return refresh ? .replace : .refuse }
        guard let conflict = ToldFact.Conflict(rawValue: onConflict) else {
            throw ValidationError("--on-conflict is \(ToldFact.Conflict.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        return conflict
    }

    func run() throws {
        let facts = try told()
        let memory = try OpenMemory(model, places, name: givenMemory ?? Variables.text("memory"), forTelling: true)
        let base = try memory.base()
        if !memory.exists { try memory.create(base.memory, description: description ?? "Facts that were told to lmoe.") }
        let teller = try memory.teller(base.model)
        var bar = ProgressBar("remembering", total: facts.count)
        let start = ContinuousClock.now
        guard let results = try teller.tell(facts, onConflict: try conflict(), progress: { bar.advance(to: $0) }) else {
            throw Failure(message: "interrupted")
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let forgotten = refresh ? try forgetOthers(of: facts.first?.source, than: results, teller) : 0
        try report(facts, results, seconds: seconds, forgotten: forgotten, in: memory.name)
    }

    private func told() throws -> [ToldFact] {
        guard let file else {
            return [ToldFact(question: question ?? "", paraphrases: wordings, answer: answer ?? "", source: source)]
        }
        let name = source ?? URL(fileURLWithPath: file).lastPathComponent
        return try FactFile(path: file, query: query, question: questionTemplate, answer: answerTemplate, source: name).facts()
    }

    /// Facts of the source that no row of the file is. Returns how many they were; none where a row failed, since it may be one of them.
    private func forgetOthers(of source: String?, than results: [Result<ToldOutcome, MemoryError>], _ teller: MemoryTeller) throws -> Int {
        var kept: Set<Fact.ID> = []
        for result in results {
            guard case .success(let told) = result else { return 0 }
            kept.insert(told.id)
        }
        let snapshot = teller.memory.snapshot
        let gone = try snapshot.ids.filter { id in try !kept.contains(id) && snapshot.fact(id)?.source == source }
        if !gone.isEmpty { try teller.memory.forget(gone) }
        return gone.count
    }

    private func report(
        _ facts: [ToldFact], _ results: [Result<ToldOutcome, MemoryError>], seconds: Double, forgotten: Int, in memory: String
    ) throws {
        var counts: [ToldFact.Outcome: Int] = [:]
        var failures = 0
        for (fact, result) in zip(facts, results) {
            switch result {
            case .success(let told):
                counts[told.outcome, default: 0] += 1
                for refused in told.refusedWordings { Terminal.say("lmoe: fact \(told.id): a wording is no key: \(refused)") }
                if json {
                    var document: JSONObject = [
                        "id": .string("\(memory):\(told.id)"), "status": .string(told.outcome.rawValue), "question": .string(fact.question),
                    ]
                    if !told.losses.isEmpty { document["losses"] = .array(told.losses.map { $0.isFinite ? .number((Double($0) * 1e4).rounded() / 1e4) : .null }) }
                    print(JSONValue.object(document).serialized())
                }
            case .failure(let error):
                failures += 1
                Terminal.say("lmoe: \(fact.question): \(error)")
                if json { print(JSONValue.object(["status": "failed", "question": .string(fact.question), "error": .string(error.description)]).serialized()) }
            }
        }
        if !json {
            let parts = [("added", counts[.added] ?? 0), ("replaced", counts[.replaced] ?? 0), ("known", counts[.known] ?? 0), ("forgotten", forgotten), ("failed", failures)]
            let text = parts.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }.joined(separator: ", ")
            print("\(memory): \(text); \(Figure.decimals(seconds / Double(max(1, facts.count)), 2)) s a fact")
        }
        if failures > 0 { throw ExitCode(ExitStatus.failed.rawValue) }
    }
}
