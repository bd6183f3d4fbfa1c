import ArgumentParser
import Foundation
import Gateway
import Generation
import JSON
import Routing

/// `lmoe route`: which adapter a text would get, and how good the router is at telling.
struct Route: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say which adapter a text would get, and why; measure how well the router tells.",
        discussion: """
            EXAMPLES
              lmoe route "how many rivers run through texas"
              lmoe route --explain "list all files larger than 10 MB under /var"
              lmoe route --json --top 3 "write me a sonnet about rain"
              lmoe route eval questions.jsonl
              lmoe route doctor

            A text without a subcommand is decided; `lmoe route decide --help` lists \
            the options of that.
            """,
        subcommands: [RouteDecide.self, RouteEval.self, RouteDoctor.self, RouteBenchmark.self], defaultSubcommand: RouteDecide.self)
}

/// `lmoe route TEXT`: which adapter a text would get, and why; nothing is generated.
struct RouteDecide: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decide",
        abstract: "Say which adapter a text would get, and why.",
        discussion: """
            EXAMPLES
              lmoe route "how many rivers run through texas"
              lmoe route --explain "list all files larger than 10 MB under /var"
              lmoe route --explain --map map.svg "list all files larger than 10 MB"
              lmoe route --json --top 3 "write me a sonnet about rain"
              lmoe route --key team-a --header "x-tenant: blue" "how many rivers"
              lmoe route < questions.txt

            Without a text, each line of standard input is routed; with --json each gives one document a line.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @Flag(help: "Show every candidate, the nearest examples and the times.") var explain = Variables.flag("explain")
    @Flag(help: "Print the explanation as JSON.") var json = Variables.flag("json")
    @Option(help: "With --explain: draw the candidates' examples and the text into an SVG file.") var map: String?
    @Option(help: "Decide as for the caller with the key of this name: rules of allow and deny hold then.") var key: String?
    @Option(help: ArgumentHelp("Decide as for a caller with this header; may be given several times.", valueName: "name: value"))
    var header: [String] = []
    @Option(help: "Most candidates to show.") var top = Variables.integer("top") ?? 5
    @Flag(help: "End with status 3 when a text falls back to the base.") var requireMatch = Variables.flag("require-match")
    @Argument(help: "The text; several words are joined.") var text: [String] = []

    func validate() throws {
        if map != nil, text.isEmpty { throw ValidationError("--map draws one text; give it as an argument.") }
        if map?.isEmpty == true { throw ValidationError("--map names a file.") }
        if map != nil, !explain { throw ValidationError("--map belongs to --explain.") }
        for line in header where Self.parsed(line) == nil {
            throw ValidationError("--header is `NAME: VALUE`, not `\(line)`.")
        }
        guard (1...10_000).contains(top) else { throw ValidationError("--top goes from 1 to 10000.") }
    }

    func run() throws {
        if let map { try Self.checkPlace(map) }
        let workspace = try Workspace(model, flags: folders.flags)
        let library = try workspace.library(base: workspace.configuration.openBaseWeights())
        guard library.router != nil else { throw Failure.usage("routing needs an encoder: --encoder") }
        var fellBack = false
        if text.isEmpty {
            for line in try Terminal.lines() {
                let decision = try library.decide(question(line))
                fellBack = fellBack || decision.route == .fallback
                print(
                    json
                        ? decision.json.serialized()
                        : explain
                            ? RouteText(decision: decision).explanation + "\n" : "\(decision.adapter ?? "base")\t\(line)")
            }
        } else {
            let decision = try library.decide(question(text.joined(separator: " ")))
            fellBack = decision.route == .fallback
            if let map { try draw(decision, in: library, to: map) }
            let readable = RouteText(decision: decision)
            print(json ? decision.json.serialized(pretty: true) : explain ? readable.explanation : readable.name)
        }
        if requireMatch, fellBack { throw ExitCode(ExitStatus.no.rawValue) }
    }

    private func question(_ text: String) -> RouteQuestion { RouteQuestion(.text(text), top: top, caller: caller) }

    /// The operator, unrestricted by access rules, unless a key or a header is given.
    private var caller: Caller {
        if key == nil, header.isEmpty { return .operator }
        var headers: [String: [String]] = [:]
        for (name, value) in header.compactMap(Self.parsed) { headers[name, default: []].append(value) }
        return Caller(key: key, headers: headers)
    }

    /// The name in lower case, as rules have it.
    private static func parsed(_ line: String) -> (name: String, value: String)? {
        guard let colon = line.firstIndex(of: ":"), colon > line.startIndex else { return nil }
        return (line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
    }

    /// Before anything is opened: a wrong path is said at once.
    private static func checkPlace(_ path: String) throws {
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            throw Failure(message: "\(path): the map can't be written: there is a folder of this name; --map names a file")
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard FileManager.default.fileExists(atPath: folder) else {
            throw Failure(message: "\(path): the map can't be written: there is no folder \(folder)")
        }
    }

    private func draw(_ decision: RouteDecision, in library: AdapterLibrary, to path: String) throws {
        guard let map = try library.router?.map(of: decision) else {
            throw Failure(message: "there is nothing to draw: \(decision.reason)")
        }
        do {
            try Data(RoutePicture(map: map, decision: decision).svg.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw Failure(message: "\(path): the map can't be written: \(error.localizedDescription)")
        }
    }
}
