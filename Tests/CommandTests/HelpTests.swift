import Foundation
import Testing

/// Help is an interface: a change shows up here. LMOE_UPDATE_HELP=1 writes the new texts.
@Suite struct HelpTests {
    private static let commands = [
        "", "serve", "pull", "route", "route decide", "route benchmark", "adapters", "adapters list", "adapters check", "adapters add", "adapters remove", "adapters convert",
        "chat",
        "complete", "tokenize", "embed", "bench", "perplexity", "tune", "eval", "remember", "memory", "memory list", "memory show", "memory explain",
        "memory forget", "memory verify", "memory stats", "memory calibrate", "memory settings", "memory export",
        "merge", "merge models", "merge explain", "merge-adapters", "extract", "bake",
    ]

    @Test(arguments: commands)
    func helpIsAsItWas(command: String) throws {
        let words = command.split(separator: " ").map(String.init)
        let run: Invocation =
            switch words.count {
            case 0: try Invocation("--help")
            case 1: try Invocation(words[0], "--help")
            default: try Invocation(words[0], words[1], "--help")
            }
        #expect(run.status == 0)
        #expect(run.errors.isEmpty)
        #expect(run.output.contains("EXAMPLES"))
        let name = (["lmoe"] + words).joined(separator: "-")
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Help/\(name).txt")
        if ProcessInfo.processInfo.environment["LMOE_UPDATE_HELP"] == "1" { try Data(run.output.utf8).write(to: file) }
        #expect(try String(contentsOf: file, encoding: .utf8) == run.output)
    }

    @Test func versionIsOneLine() throws {
        let run = try Invocation("--version")
        #expect(run.status == 0)
        #expect(run.output.split(separator: "\n").count == 1)
    }
}
