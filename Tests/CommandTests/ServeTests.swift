import Foundation
import FoundationNetworking
import TestSupport
import Testing

@Suite struct ServeTests {
    /// The text of a file once it holds `part`.
    private func wait(for part: String, in file: URL) async throws -> String {
        var text = ""
        try await eventually("the service prints \(part)") {
            text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
            return text.contains(part)
        }
        return text
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
        let url = try #require(URL(string: "\(address)/ready"))
        try await eventually("the service is ready") {
            let (_, response) = try await URLSession.shared.data(for: URLRequest(url: url, timeoutInterval: 300))
            return (response as? HTTPURLResponse)?.statusCode == 200
        }
        process.terminate()
        process.waitUntilExit()
        #expect(process.terminationReason == .exit)
        #expect(process.terminationStatus == 0)
    }
}
