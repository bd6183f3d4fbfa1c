import ArgumentParser
import Foundation
import Grammars
import JSON

/// `lmoe grammar check`: one form, and texts on it.
struct GrammarCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Compile a schema, an expression or a grammar, and say which texts satisfy it.",
        discussion: """
            EXAMPLES
              lmoe grammar check person.json
              lmoe grammar check person.json --strict --text answers.jsonl
              lmoe grammar check answer.gbnf --kind gbnf --sample 3

            What a schema asks for and the server cannot enforce is printed as a note; with --strict it is an error, as \
            with `strict: true` in a request. --sample prints texts of random bytes that satisfy the form. Exit status 3: \
            the form is refused, or a text does not satisfy it.
            """)

    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case schema, regex, gbnf
    }

    @Argument(help: ArgumentHelp("The form.", valueName: "file")) var file: String
    @Option(help: "What the file holds: schema, regex or gbnf.") var kind = Kind.schema
    @Option(help: ArgumentHelp("Texts to try, one a line.", valueName: "file")) var text: String?
    @Flag(help: "A keyword that cannot be enforced is an error.") var strict = Variables.flag("strict")
    @Flag(help: "Read a schema as the specification does: members in any order, undeclared ones allowed.")
    var specification = Variables.flag("specification")
    @Option(help: ArgumentHelp("Texts to make, at random.", valueName: "count")) var sample = 0

    func validate() throws {
        guard (0...10_000).contains(sample) else { throw ValidationError("--sample goes from 0 to 10000.") }
    }

    func run() throws {
        let source = try read(file)
        let start = ContinuousClock.now
        let grammar: Grammar
        do throws(GrammarError) {
            grammar = try compile(source)
        } catch {
            print("\(file): \(error.code.rawValue): \(error)")
            throw ExitCode(3)
        }
        print("\(file): compiled in \(Figure.decimals((ContinuousClock.now - start) / .milliseconds(1), 2)) ms")
        for note in grammar.notes { print("note: \(note)") }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<sample {
            guard let text = grammar.sample(using: &random) else { throw Failure(message: "a text of random bytes does not come to an end") }
            print(String(decoding: text, as: UTF8.self))
        }
        guard let text else { return }
        var wrong = 0
        for (index, line) in try read(text).split(separator: "\n").enumerated() where !grammar.matches(String(line)) {
            print("\(text), line \(index + 1): does not satisfy it")
            wrong += 1
        }
        if wrong > 0 { throw ExitCode(3) }
    }

    private func compile(_ source: String) throws(GrammarError) -> Grammar {
        var builder = GrammarBuilder()
        let root = try root(source, &builder)
        return try builder.grammar(root)
    }

    private func root(_ source: String, _ builder: inout GrammarBuilder) throws(GrammarError) -> GrammarNode {
        switch kind {
        case .regex: return try builder.regularExpression(source.trimmingCharacters(in: .newlines))
        case .gbnf: return try builder.gbnf(source)
        case .schema:
            let schema: JSONValue
            do throws(JSONError) {
                schema = try JSONValue.parse(source)
            } catch {
                throw GrammarError(.invalid, "the file is not JSON: \(error)")
            }
            var options = specification ? SchemaOptions.specification : SchemaOptions()
            options.isStrict = strict
            return try builder.schema(schema, options: options)
        }
    }

    private func read(_ path: String) throws -> String {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw Failure(message: "\(path) cannot be read: \(error.localizedDescription)")
        }
    }
}
