import ArgumentParser
import Foundation
import JSON
import Memory

/// `lmoe memory list`.
struct MemoryList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List facts.",
        discussion: """
            EXAMPLES
              lmoe memory list
              lmoe memory list --contains annex --limit 5 --json
            """)

    @OptionGroup var choice: MemoryChoice
    @Option(help: ArgumentHelp("Only facts whose question or answer contains this.", valueName: "text")) var contains: String?
    @Option(help: ArgumentHelp("Facts at most.", valueName: "count")) var limit = Variables.integer("limit") ?? 50
    @Flag(help: "Print one JSON document a fact.") var json = Variables.flag("json")

    func run() throws {
        let memory = try choice.open()
        let snapshot = try memory.snapshot()
        var table = Table(["id", "question", "answer", "source"], leansRight: [0])
        var shown = 0
        for id in snapshot.ids {
            guard let fact = try snapshot.fact(id) else { continue }
            if let contains, ![fact.question, fact.answer].contains(where: { $0.localizedCaseInsensitiveContains(contains) }) { continue }
            guard shown < limit else {
                Terminal.say("there are more: --limit")
                break
            }
            shown += 1
            if json {
                print(JSONValue.object(FactText.json(fact, memory: memory.name)).serialized())
            } else {
                table.add("\(id)", FactText.short(fact.question), FactText.short(fact.answer, 40), fact.source ?? "told")
            }
        }
        if !json { print(shown > 0 ? table.text : "\(memory.name): \(snapshot.count == 0 ? "no facts" : "no such fact of \(snapshot.count)")") }
    }
}

/// `lmoe memory show`.
struct MemoryShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one fact whole.",
        discussion: """
            EXAMPLES
              lmoe memory show 12
            """)

    @OptionGroup var choice: MemoryChoice
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")
    @Argument(help: "The fact's number.") var id: UInt64

    func run() throws {
        let memory = try choice.open()
        let snapshot = try memory.snapshot()
        guard let fact = try snapshot.fact(id), let experts = snapshot.experts(of: id) else {
            throw Failure(message: "there is no fact \(id) in \(memory.name)")
        }
        if json {
            var object = FactText.json(fact, memory: memory.name)
            object["experts"] = .integer(Int64(experts.count))
            object["bytes"] = .integer(Int64(experts.byteCount))
            return print(JSONValue.object(object).serialized(pretty: true))
        }
        print("question:  \(fact.question)")
        for wording in fact.wordings { print("or:        \(wording)") }
        print("answer:    \(fact.answer)")
        print("source:    \(fact.source ?? "told")")
        print("created:   \(FactText.date(fact.created))")
        print("experts:   \(experts.count) at layer \(snapshot.identity.site), \(Figure.bytes(experts.byteCount))")
    }
}

/// `lmoe memory export`.
struct MemoryExport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Print all facts as JSON lines, which lmoe remember --file reads.",
        discussion: """
            EXAMPLES
              lmoe memory export > facts.jsonl
              lmoe remember --memory copy --file facts.jsonl
            """)

    @OptionGroup var choice: MemoryChoice

    func run() throws {
        let memory = try choice.open()
        let snapshot = try memory.snapshot()
        for id in snapshot.ids {
            guard let fact = try snapshot.fact(id) else { continue }
            print(JSONValue.object(FactText.json(fact, memory: memory.name)).serialized())
        }
    }
}

/// `lmoe memory stats`.
struct MemoryStatistics: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Tell how many facts there are, their bytes, and the gate's threshold.",
        discussion: """
            EXAMPLES
              lmoe memory stats --json
            """)

    @OptionGroup var choice: MemoryChoice
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func run() throws {
        let memory = try choice.open()
        let snapshot = try memory.snapshot()
        var experts = 0
        for id in snapshot.ids { experts += snapshot.experts(of: id)?.count ?? 0 }
        let rows: [(String, JSONValue, String)] = [
            ("facts", .integer(Int64(snapshot.count)), "\(snapshot.count)"), ("keys", .integer(Int64(snapshot.keys.count)), "\(snapshot.keys.count)"),
            ("experts", .integer(Int64(experts)), "\(experts)"), ("layer", .integer(Int64(snapshot.identity.site)), "\(snapshot.identity.site)"),
            ("bytes", .integer(Int64(snapshot.bytes)), Figure.bytes(snapshot.bytes)),
            ("dead_bytes", .integer(Int64(snapshot.deadBytes)), Figure.bytes(snapshot.deadBytes)),
            ("threshold", .number(Double(snapshot.threshold)), Figure.decimals(Double(snapshot.threshold), 2)),
            ("base", .string(snapshot.identity.base), snapshot.identity.base), ("encoder", .string(snapshot.identity.encoder), snapshot.identity.encoder),
        ]
        if json { return print(JSONValue.object(JSONObject(rows.map { ($0.0, $0.1) })).serialized(pretty: true)) }
        for (name, _, text) in rows { print("\(name):\(String(repeating: " ", count: 12 - name.count))\(text)") }
    }
}
