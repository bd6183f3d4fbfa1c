import Foundation
import FoundationNetworking
import Testing

@Suite struct ServeTests {
    /// The text of a file once it holds `part`; empty after a minute.
    private func wait(for part: String, in file: URL) async throws -> String {
        for _ in 0..<600 {
            let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            if text.contains(part) { return text }
            try await Task.sleep(for: .milliseconds(100))
        }
        return ""
    }

    @Test func theServicePrintsItsAddressAnswersAndDrainsOnSIGTERM() async throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("lmoe-serve-\(UUID().uuidString)")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Invocation.process(["serve", "--port", "0"])
        process.standardOutput = try FileHandle(forWritingTo: file)
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer { if process.isRunning { process.terminate() } }
        let text = try await wait(for: "adapter sql", in: file)
        #expect(text.contains("connections"))
        let address = try #require(text.firstMatch(of: /http:\/\/127\.0\.0\.1:[0-9]+/)).output
        var answered = false
        for _ in 0..<100 where !answered {
            let url = try #require(URL(string: "\(address)/ready"))
            let (_, response) = try await URLSession.shared.data(from: url)
            answered = (response as? HTTPURLResponse)?.statusCode == 200
            if !answered { try await Task.sleep(for: .milliseconds(100)) }
        }
        #expect(answered)
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit)
        #expect(process.terminationStatus == 0)
    }
}
