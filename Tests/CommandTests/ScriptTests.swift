import Foundation
import Testing

/// The scripts that people run.
@Suite struct ScriptTests {
    private static let scripts = [
        "bench", "bench-peers", "bench-tuning", "build", "check-neon", "eval-end-to-end", "eval-routing", "models", "sanitize", "serve", "setup", "test",
    ]

    /// Without Swift, pip and a network, which building and fetching would need.
    @Test(arguments: scripts)
    func helpIsPrintedWithoutBuildingOrFetching(name: String) throws {
        let script = Invocation.root.appendingPathComponent("scripts/\(name)")
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-script-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // What the help needs, and nothing else.
        for tool in ["env", "bash", "awk", "cat", "dirname"] {
            let place = try #require(["/usr/bin", "/bin"].map { "\($0)/\(tool)" }.first(where: FileManager.default.isExecutableFile))
            try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/\(tool)", withDestinationPath: place)
        }
        let output = folder.appendingPathComponent("out")
        try Data().write(to: output)
        let process = Process()
        process.executableURL = script
        process.arguments = ["--help"]
        process.currentDirectoryURL = folder
        process.environment = ["PATH": folder.path]
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: output)
        try process.run()
        process.waitUntilExit()
        let text = try String(contentsOf: output, encoding: .utf8)
        #expect(process.terminationStatus == 0, "\(text)")
        #expect(text.contains("Usage: scripts/\(name)"), "\(text)")
        if ["serve", "bench"].contains(name) {
            let help = Invocation.root.appendingPathComponent("Tests/CommandTests/Help/lmoe-\(name).txt")
            #expect(text.contains(try String(contentsOf: help, encoding: .utf8)))
        }
    }
}
