import Foundation
import Testing

/// `scripts/convert-pickle` with the Python that LMOE_TEST_PYTHON names, which has torch and safetensors.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["LMOE_TEST_PYTHON"] != nil, "LMOE_TEST_PYTHON names no Python with torch"))
struct ConvertPickleTests {
    private static let python = ProcessInfo.processInfo.environment["LMOE_TEST_PYTHON"]

    private static func run(_ arguments: String...) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python ?? "")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    private static let script = Invocation.root.appendingPathComponent("scripts/convert-pickle").path

    @Test func aPickleOfAnAdapterGivesTheSameAdapter() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-pickle-\(UUID().uuidString)")
        try FileManager.default.copyItem(at: Invocation.root.appendingPathComponent("adapters/math"), to: folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        let safetensors = folder.appendingPathComponent("adapter_model.safetensors").path
        let original = try Data(contentsOf: URL(fileURLWithPath: safetensors))
        let saved = try Self.run(
            "-c",
            "import sys, torch; from safetensors.torch import load_file; torch.save(load_file(sys.argv[1]), sys.argv[2])",
            safetensors, folder.appendingPathComponent("adapter_model.bin").path)
        #expect(saved.status == 0, "\(saved.output)")
        let taken = try Self.run(Self.script, folder.path)
        #expect(taken.status == 1 && taken.output.contains("nothing is overwritten"))
        try FileManager.default.removeItem(atPath: safetensors)
        let refused = try Invocation("adapters", "check", "--no-model", "--encoder", "none", folder.path)
        #expect(refused.status == 3 && refused.output.contains("scripts/convert-pickle"), "\(refused.output)")
        let target = folder.deletingLastPathComponent().appendingPathComponent("\(folder.lastPathComponent)-made")
        defer { try? FileManager.default.removeItem(at: target) }
        let run = try Self.run(Self.script, folder.path, target.path)
        #expect(run.status == 0 && run.output.contains("240 tensors"), "\(run.output)")
        #expect(!FileManager.default.fileExists(atPath: target.appendingPathComponent("adapter_model.bin").path))
        let made = try Data(contentsOf: target.appendingPathComponent("adapter_model.safetensors"))
        #expect(made.count == original.count)
        let check = try Invocation("adapters", "check", "--no-model", "--encoder", "none", "--json", target.path)
        let alike = try #require(try check.json()["similar_weights"] as? [[String: Any]])
        #expect(check.status == 0 && alike.first?["adapter"] as? String == "math")
    }

    @Test func aPickleThatRunsCodeIsRefused() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-pickle-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("{}".utf8).write(to: folder.appendingPathComponent("adapter_config.json"))
        let trace = folder.appendingPathComponent("trace").path
        let saved = try Self.run(
            "-c",
            """
            import os, sys, torch
            class Bad:
                def __reduce__(self): return (os.system, ("touch " + sys.argv[1],))
            torch.save({"a": Bad()}, sys.argv[2])
            """, trace, folder.appendingPathComponent("adapter_model.bin").path)
        #expect(saved.status == 0, "\(saved.output)")
        let run = try Self.run(Self.script, folder.path)
        #expect(run.status == 1 && run.output.contains("weights-only"), "\(run.output)")
        #expect(!FileManager.default.fileExists(atPath: trace))
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("adapter_model.safetensors").path))
    }
}
