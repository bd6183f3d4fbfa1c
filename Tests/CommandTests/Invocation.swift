import Foundation

/// One run of the built `lmoe`, from its arguments to what it left.
struct Invocation {
    let status: Int32
    let output: String
    let errors: String

    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../..")
        .standardized

    /// The binary that was built with this test: beside the test's own executable, else in the debug folder.
    static let binary: URL = {
        let beside = Bundle.main.executableURL?.deletingLastPathComponent().appendingPathComponent("lmoe")
        if let beside, FileManager.default.isExecutableFile(atPath: beside.path) { return beside }
        return root.appendingPathComponent(".build/debug/lmoe")
    }()

    /// Kept: entries are found by content, and embedded examples of the real adapters are the same for all tests.
    private static let cache = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-command-tests")

    /// A process with a clean environment, in the repository's root.
    static func process(_ arguments: [String], environment: [String: String] = [:]) -> Process {
        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        process.currentDirectoryURL = root
        let basics = ["PATH": "/usr/bin:/bin", "COLUMNS": "80", "LMOE_CACHE": cache.path, "LMOE_THREADS": "2"]
        process.environment = basics.merging(environment) { _, more in more }
        return process
    }

    init(_ arguments: String..., input: Data = Data(), environment: [String: String] = [:]) throws {
        try self.init(arguments, input: input, environment: environment)
    }

    init(_ arguments: [String], input: Data = Data(), environment: [String: String] = [:]) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Self.process(arguments, environment: environment)
        // Files, unlike pipes, never fill up.
        let (inputFile, outputFile, errorFile) = (
            folder.appendingPathComponent("in"), folder.appendingPathComponent("out"), folder.appendingPathComponent("err")
        )
        try input.write(to: inputFile)
        try Data().write(to: outputFile)
        try Data().write(to: errorFile)
        process.standardInput = try FileHandle(forReadingFrom: inputFile)
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.run()
        process.waitUntilExit()
        status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
        output = String(decoding: try Data(contentsOf: outputFile), as: UTF8.self)
        errors = String(decoding: try Data(contentsOf: errorFile), as: UTF8.self)
    }

    /// The output as JSON.
    func json() throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any] ?? [:]
    }
}
