import ArgumentParser

/// `lmoe grammar`: what the forms of answers accept, without a model.
struct GrammarCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grammar",
        abstract: "Compile schemas and other forms of answers, and try texts on them.",
        discussion: """
            EXAMPLES
              lmoe grammar check person.json
              lmoe grammar check person.json --text answers.jsonl
              lmoe grammar check dates.txt --kind regex
              lmoe grammar suite JSON-Schema-Test-Suite/tests/draft2020-12
            """,
        subcommands: [GrammarCheck.self, GrammarSuite.self])
}
