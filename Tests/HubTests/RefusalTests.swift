import Hub
import HubSupport
import TestSupport
import Testing

/// Each refusal has a code, names the repository and says what to do.
@Suite struct RefusalTests {
    @Test(arguments: [
        ("GatedRepo", 403, HubError.Code.gated, "accept them"), ("RepoNotFound", 401, .repositoryNotFound, "private"),
        ("RevisionNotFound", 404, .revisionNotFound, "/tree/main"), ("", 401, .repositoryNotFound, "HF_TOKEN"), ("", 403, .refused, "HF_TOKEN"),
        ("", 404, .repositoryNotFound, "HF_ENDPOINT"), ("", 418, .malformed, "418"),
    ])
    func codesOfTheHubHaveTheirNextStep(code: String, status: Int, expected: HubError.Code, step: String) throws {
        let bench = try HubBench()
        bench.server.set(fault: { _ in HubAnswer(status: status, headers: code.isEmpty ? [] : ["X-Error-Code: \(code)", "X-Error-Message: says \u{1B}[31mred"]) })
        let refusal = try #require(try bench.refusal())
        #expect(refusal.code == expected && refusal.place == "acme/tiny" && refusal.message.contains(step), "\(refusal)")
        #expect(!refusal.message.unicodeScalars.contains { $0.properties.generalCategory == .control })
        #expect(!bench.folder.exists("hub"))
    }

    @Test func aFileBehindALicenceNamesThePage() throws {
        let bench = try HubBench()
        bench.server.set(fault: { $0.path.contains("/resolve/") ? HubAnswer(status: 403, headers: ["X-Error-Code: GatedRepo"]) : nil })
        let refusal = try #require(try bench.refusal())
        #expect(refusal.code == .gated && refusal.message.contains("\(bench.server.endpoint)/acme/tiny") && refusal.message.contains("HF_TOKEN"))
        #expect(try bench.refusal(token: "mine")?.message.contains("with the account of the token") == true)
    }

    @Test func aTokenThatIsNotAcceptedIsSaidAndNotShown() throws {
        let bench = try HubBench()
        bench.server.set(fault: { _ in HubAnswer(status: 401, body: Array(#"{"error": "Invalid username or password."}"#.utf8)) })
        let refusal = try #require(try bench.refusal(token: "top-secret"))
        #expect(refusal.code == .refused && refusal.message.contains("Invalid username or password.") && !refusal.description.contains("top-secret"))
    }

    @Test func anAddressElsewhereThatHasExpiredIsAskedForAgain() throws {
        let bench = try HubBench()
        let network = try HubServer()
        network.set("acme/tiny", HubBench.tiny)
        bench.server.deliver(by: network)
        let count = CallCount()
        network.set(fault: { _ in count.next() == 0 ? HubAnswer(status: 403) : nil })
        try bench.pull(token: "secret")
        #expect(bench.waits == [1_000] && bench.server.requests.filter(HubBench.isWeights).count == 2)
        network.set(fault: { _ in HubAnswer(status: 403) })
        try bench.folder.remove(bench.weightsBlob)
        let refusal = try #require(try bench.refusal())
        #expect(refusal.code == .server && refusal.message.contains("to which") && !refusal.message.contains("HF_TOKEN"))
    }

    @Test func theHubsOwnAnswersAreUnderstood() throws {
        let bench = try HubBench()
        #expect(try bench.refusal("hf:acme/none")?.code == .repositoryNotFound)
        #expect(try bench.refusal("hf:acme/tiny@v2")?.code == .revisionNotFound)
        #expect(try bench.refusal("hf:acme/tiny:none.json")?.code == .fileNotFound)
        bench.server.set(fault: { request in
            request.path.contains("/resolve/") && request.method == "HEAD" ? HubAnswer(status: 404, headers: ["X-Error-Code: EntryNotFound"]) : nil
        })
        #expect(try bench.refusal()?.code == .fileNotFound)
    }

    @Test(arguments: ["<html>", "[]", "{\"sha\": 5}", "{\"sha\": \"main\"}", "{\"sha\": \"../../../../etc\"}"])
    func whatIsNoHubIsTold(body: String) throws {
        let bench = try HubBench()
        bench.server.set(fault: { _ in HubAnswer(json: body) })
        let refusal = try #require(try bench.refusal())
        #expect(refusal.code == .malformed && refusal.message.contains("HF_ENDPOINT"))
    }

    @Test func headersThatContradictTheListAreRefused() throws {
        let bench = try HubBench()
        for header in [
            "X-Repo-Commit: \(String(repeating: "9", count: 40))", "X-Linked-Etag: \"\(String(repeating: "9", count: 64))\"", "X-Linked-Size: 5",
        ] {
            bench.server.set(fault: { request in
                guard request.method == "HEAD", request.path.hasSuffix("model.safetensors") else { return nil }
                return HubAnswer(status: 200, headers: [header])
            })
            #expect(try bench.refusal()?.code == .malformed, "\(header)")
        }
        #expect(!bench.folder.exists(bench.weightsBlob))
    }

    @Test func answersAreBounded() throws {
        let bench = try HubBench()
        var limits = HubLimits()
        limits.documentBytes = 100
        #expect(try bench.refusal(limits: limits)?.code == .limitExceeded)
        limits = HubLimits()
        limits.chosenFiles = 2
        #expect(try bench.refusal(limits: limits)?.code == .limitExceeded)
        limits = HubLimits()
        limits.files = 3
        #expect(try bench.refusal(limits: limits)?.code == .limitExceeded)
        limits = HubLimits()
        limits.fileBytes = 100
        #expect(try bench.refusal(limits: limits)?.code == .limitExceeded)
        limits = HubLimits()
        limits.headerLines = 20
        bench.server.set(fault: { _ in HubAnswer(status: 200, headers: (0..<50).map { "X-\($0): 1" }) })
        #expect(try bench.refusal(limits: limits)?.message.contains("header") == true)
    }
}
