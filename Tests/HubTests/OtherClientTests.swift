import Foundation
import Hub
import HubSupport
import TestSupport
import Testing

/// Against Hugging Face's own client, where LMOE_HUB_PYTHON names a Python that has `huggingface_hub`.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["LMOE_HUB_PYTHON"] != nil)) struct OtherClientTests {
    /// The line that a script prints.
    private func python(_ bench: HubBench, _ script: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: ProcessInfo.processInfo.environment["LMOE_HUB_PYTHON"] ?? "")
        process.arguments = ["-c", "from huggingface_hub import snapshot_download, hf_hub_download\n\(script)"]
        process.environment = [
            "PATH": "/usr/bin:/bin", "HF_ENDPOINT": bench.server.endpoint, "HF_HUB_CACHE": bench.cache, "HF_HOME": bench.folder.place("home"),
            "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        ]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func itFindsWhatWasPulled() throws {
        let bench = try HubBench()
        let snapshot = try bench.pull()
        #expect(try python(bench, "print(snapshot_download('acme/tiny', local_files_only=True))") == snapshot.folder)
        #expect(try python(bench, "print(hf_hub_download('acme/tiny', 'model.safetensors', local_files_only=True))") == "\(snapshot.folder)/model.safetensors")
        bench.server.forgetRequests()
        #expect(try python(bench, "print(snapshot_download('acme/tiny', allow_patterns=['config.json', 'model.safetensors']))") == snapshot.folder)
        #expect(bench.fetched.isEmpty, "and fetches nothing again")
    }

    @Test func whatItPulledIsFound() throws {
        let bench = try HubBench()
        let folder = try python(bench, "print(snapshot_download('acme/tiny'))")
        let found = try #require(try bench.hub().cached(HubReference("acme/tiny")))
        #expect(found.folder == folder && found.files.count == 5)
        bench.server.forgetRequests()
        #expect(try bench.pull().fetchedFiles == 0)
        #expect(bench.fetched.isEmpty)
    }

    /// A file that one client began is completed by the other, whichever holds the lock.
    @Test func bothMayFetchAtTheSameTime() async throws {
        let bench = try HubBench()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try bench.pull() }
            group.addTask { _ = try python(bench, "print(snapshot_download('acme/tiny'))") }
            try await group.waitForAll()
        }
        #expect(try bench.folder.read(bench.weightsBlob) == HubBench.weights)
        #expect(bench.fetched.filter { $0.hasSuffix("/model.safetensors") }.count == 1)
    }
}
