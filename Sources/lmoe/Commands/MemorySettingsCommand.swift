import ArgumentParser
import JSON
import Memory

/// `lmoe memory settings`.
struct MemorySettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Show or change which terms mean the same, and how sure a fact must be.",
        discussion: """
            EXAMPLES
              lmoe memory settings
              lmoe memory settings --same "door code, keypad code" --same "phone, telephone"
              lmoe memory settings --drop "keypad code"
              lmoe memory settings --threshold 1

            A request that means no fact as it stands is read again with one term in the place \
            of another. The threshold is the score from which a fact answers: lower answers more \
            requests, and more that mean something else; `own` is the one that the memory finds \
            from its questions. A running service takes changes up by itself.
            """)

    @OptionGroup var choice: MemoryChoice
    @Option(name: .customLong("same"), help: ArgumentHelp("Terms that mean the same, with commas; may be given more than once.", valueName: "terms"))
    var same: [String] = []
    @Option(name: .customLong("drop"), help: ArgumentHelp("A term that means the same as no other any more; may be given more than once.", valueName: "term"))
    var dropped: [String] = []
    @Option(help: ArgumentHelp("The score from which a fact answers, -100 to 100, or `own`.", valueName: "score")) var threshold: String?
    @Flag(help: "Print one JSON document.") var json = Variables.flag("json")

    func run() throws {
        let memory = try choice.open()
        guard memory.exists else { throw Failure(message: "there is no memory \(memory.name)") }
        let before = try MemoryFolder.settings(memory.folder)
        var settings = before
        for group in same {
            let terms = group.split(separator: ",").map(String.init)
            guard terms.count > 1 else { throw Failure.usage("--same \"\(group)\": expected at least two terms, with commas between them") }
            settings.join(terms)
        }
        for term in dropped where !settings.remove(term) { throw Failure(message: "no group of synonyms has \"\(term)\"") }
        if let threshold {
            settings.threshold = threshold == "own" ? nil : Float(threshold)
            guard threshold == "own" || settings.threshold?.isFinite == true else {
                throw Failure.usage("--threshold \(threshold): expected a number from -100 to 100, or `own`")
            }
        }
        if settings != before { try MemoryFolder.write(settings, to: memory.folder) }
        show(settings, memory.name)
    }

    private func show(_ settings: MemorySettings, _ name: String) {
        if json {
            let document: JSONValue = [
                "memory": .string(name), "threshold": settings.threshold.map { .number(Double($0)) } ?? .null,
                "synonyms": .array(settings.synonymGroups.map { .array($0.map(JSONValue.string)) }),
            ]
            print(document.serialized())
            return
        }
        print("threshold: \(settings.threshold.map { "\($0)" } ?? "the memory's own")")
        for group in settings.synonymGroups { print("the same: \(group.joined(separator: ", "))") }
        if settings.synonymGroups.isEmpty { print("no synonyms") }
    }
}
