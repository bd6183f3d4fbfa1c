import ArgumentParser
import Generation
import JSON
import Memory

/// `lmoe memory forget`.
struct MemoryForget: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget", abstract: "Forget facts: the base answers their questions again.",
        discussion: """
            EXAMPLES
              lmoe memory forget 12 13
              lmoe memory forget --source geo.sqlite --erase
            """)

    @OptionGroup var choice: MemoryChoice
    @Option(help: ArgumentHelp("All facts of this source.", valueName: "text")) var source: String?
    @Flag(help: "All facts.") var all = false
    @Flag(help: "Remove their bytes from the files now, and not when much has gathered.") var erase = false
    @Argument(help: "Numbers of facts.") var ids: [UInt64] = []

    func validate() throws {
        guard [!ids.isEmpty, source != nil, all].count(where: { $0 }) == 1 else {
            throw ValidationError("Give the numbers of facts, --source, or --all.")
        }
    }

    func run() throws {
        let memory = try choice.open()
        guard memory.exists else { throw Failure(message: "there is no memory \(memory.name)") }
        let weights = try memory.workspace.configuration.openBaseWeights()
        let open = try memory.workspace.configuration.openMemories(for: weights).memory(at: memory.folder)
        let snapshot = open.snapshot
        var gone = ids
        if source != nil || all {
            for id in snapshot.ids where try all || snapshot.fact(id)?.source == source { gone.append(id) }
        }
        for id in gone where !snapshot.contains(id) { throw Failure(message: "there is no fact \(id) in \(memory.name); nothing was forgotten") }
        try open.forget(gone, erases: erase)
        print("\(memory.name): \(gone.count) forgotten, \(open.snapshot.count) left")
    }
}

/// `lmoe memory verify`.
struct MemoryVerify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that the engine gives each fact's answer exactly.",
        discussion: """
            EXAMPLES
              lmoe memory verify
              lmoe memory verify --rewrite

            Each answer is checked token by token on the step that serves, for the question and \
            its wordings: after a change of base or program. Exit status 3: some fact is not exact.
            """)

    @OptionGroup var choice: MemoryChoice
    @Flag(help: "Write facts that fail again.") var rewrite = false
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func run() throws {
        let memory = try choice.open()
        guard memory.exists else { throw Failure(message: "there is no memory \(memory.name)") }
        let teller = try memory.teller(try memory.base().model)
        let ids = Array(teller.memory.snapshot.ids)
        var bar = ProgressBar("verifying", total: ids.count)
        var failed: [Fact.ID] = []
        for start in stride(from: 0, to: ids.count, by: MemoryTeller.batch) {
            let part = Array(ids[start..<min(start + MemoryTeller.batch, ids.count)])
            guard let checked = try teller.verify(part) else { throw Failure(message: "interrupted") }
            failed += checked.filter { !$0.isExact }.map(\.id)
            bar.advance(to: start + part.count)
        }
        var mended = 0
        if rewrite, !failed.isEmpty {
            guard let results = try teller.rewrite(failed) else { throw Failure(message: "interrupted") }
            mended = results.count { if case .success = $0 { true } else { false } }
        }
        if json {
            let document: JSONValue = [
                "facts": .integer(Int64(ids.count)), "failed": .array(failed.map { .string("\(memory.name):\($0)") }), "rewritten": .integer(Int64(mended)),
            ]
            print(document.serialized(pretty: true))
        } else {
            print("\(memory.name): \(ids.count - failed.count) of \(ids.count) facts are exact\(mended > 0 ? ", \(mended) were written again" : "")")
            if failed.count > mended { print("not exact: \(failed.prefix(20).map(String.init).joined(separator: ", "))") }
        }
        if failed.count > mended { throw ExitCode(ExitStatus.no.rawValue) }
    }
}

/// `lmoe memory calibrate`.
struct MemoryCalibrate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate", abstract: "Try all layers that could carry memory, and make an empty memory at the best.",
        discussion: """
            EXAMPLES
              lmoe memory calibrate --memory facts

            lmoe remember does the same with three layers, which takes less time. Facts at \
            other layers than that of the memory cannot be read: export them, and tell them again.
            """)

    @OptionGroup var choice: MemoryChoice
    @Option(help: ArgumentHelp("What the memory is about.", valueName: "text")) var description = "Facts that were told to lmoe."

    func run() throws {
        let memory = try OpenMemory(choice.model, choice.places, name: choice.given ?? Variables.text("memory"), forTelling: true)
        guard !memory.exists else { throw Failure.usage("\(memory.folder) is there already: name another with --memory") }
        try memory.create(try memory.base().memory, description: description, isThorough: true)
    }
}
