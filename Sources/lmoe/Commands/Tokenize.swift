import ArgumentParser
import Gateway
import Inference
import JSON
import Tokenizers

/// `lmoe tokenize`: ids of lines, for parity checks.
struct Tokenize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the token ids of each line of standard input.",
        discussion: """
            EXAMPLES
              echo "Hello world" | lmoe tokenize
              echo "19556 905" | lmoe tokenize --decode
              printf '%s\\n' '"two\\nlines"' | lmoe tokenize --json
              echo "Hello world" | lmoe tokenize --encoder

            With --json each line of input is a JSON string and each line of output a JSON array; with --decode the \
            other way round. Special tokens written in the text are recognised unless --plain is given.
            """)

    @Option(help: "The base model. [LMOE_BASE]") var base: String?
    @Option(help: ArgumentHelp("The encoder's folder, for --encoder. [LMOE_ENCODER]", valueName: "folder"))
    var encoderFolder: String?
    @Option(name: .customLong("config"), help: ArgumentHelp("A YAML file with settings.", valueName: "file"))
    var givenConfig: String?
    var config: String? { givenConfig ?? Variables.text("config") }
    @Flag(help: "Use the encoder's tokenizer; its special tokens are added.")
    var encoder = false
    @Flag(help: "Lines are ids; print their text.") var decode = Variables.flag("decode")
    @Flag(help: "Lines are JSON, in and out.") var json = Variables.flag("json")
    @Flag(help: "Add the special tokens that the model expects around a text.") var special = Variables.flag("special")
    @Flag(help: "Take special tokens written in the text as plain text.") var plain = Variables.flag("plain")

    func validate() throws {
        if encoder, decode { throw ValidationError("--decode works with the base model's tokenizer only.") }
    }

    func run() throws {
        var flags: [Setting: String] = [:]
        flags[.base] = base
        flags[.encoder] = encoderFolder
        let workspace = try Workspace(flags: flags, file: config)
        if encoder {
            guard let folder = workspace.configuration.encoder else { throw Failure.usage("there is no encoder") }
            let tokenizer = try WordPieceTokenizer.load(folder: folder)
            return try each { try ids(tokenizer.encode(text($0, $1), maximumTokens: 1 << 20)) }
        }
        let tokenizer = try BaseModel.tokenizer(of: workspace.configuration.openModelFiles())
        try each { line, number in
            if decode {
                let text = tokenizer.decode(try parsedIDs(line, number), skipSpecialTokens: false)
                return json ? JSONValue.string(text).serialized() : text
            }
            return ids(tokenizer.encode(try text(line, number), addSpecialTokens: special, parseSpecial: !plain))
        }
    }

    private func each(_ convert: (_ line: String, _ number: Int) throws -> String) throws {
        var output = ""
        for (index, line) in try Terminal.lines().enumerated() {
            output += try convert(line, index + 1) + "\n"
            if output.utf8.count > 1 << 16 {
                Terminal.write(output)
                output = ""
            }
        }
        Terminal.write(output)
    }

    private func ids(_ tokens: [Int32]) -> String {
        let joined = tokens.map { String($0) }.joined(separator: json ? "," : " ")
        return json ? "[\(joined)]" : joined
    }

    private func text(_ line: String, _ number: Int) throws -> String {
        guard json else { return line }
        guard let text = try? JSONValue.parse(Array(line.utf8)).stringValue else {
            throw Failure(message: "standard input, line \(number): expected a JSON string")
        }
        return text
    }

    private func parsedIDs(_ line: String, _ number: Int) throws -> [Int32] {
        let words: [String]
        if json {
            guard let array = try? JSONValue.parse(Array(line.utf8)).arrayValue else {
                throw Failure(message: "standard input, line \(number): expected a JSON array")
            }
            words = array.map { $0.intValue.map { String($0) } ?? "?" }
        } else {
            words = line.split(separator: " ").map(String.init)
        }
        return try words.map { word in
            guard let id = Int32(word), id >= 0 else {
                throw Failure(message: "standard input, line \(number): `\(word)` is no token id")
            }
            return id
        }
    }
}
