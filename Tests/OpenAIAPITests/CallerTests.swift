import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

/// Keys with names, and adapters that are not for everybody.
@Suite struct CallerTests {
    @Test func theKeyFileMayNameItsKeys() throws {
        let keys = try APIKeys(file: "\u{FEFF}team-a:sk-a\r\nsk-b\nadmin:sk-c\nadmin:ops:sk-d\nadmin: sk-e\nadmin: ops:sk-f\n# x:y\n\n  :sk-g\t\n")
        func holder(_ key: String) throws -> APIKeys.Holder { try keys.holder(["Authorization": "Bearer \(key)"]) }
        #expect(keys.count == 7)
        #expect(try holder("sk-a") == .init(.user, name: "team-a"))
        #expect(try holder("sk-b") == .init(.user))
        #expect(try holder("sk-c") == .init(.admin, name: "admin"))
        #expect(try holder("sk-d") == .init(.admin, name: "ops"))
        #expect(try holder("sk-e") == .init(.admin, name: "admin"))
        #expect(try holder("sk-f") == .init(.admin, name: "ops"))
        #expect(try holder("sk-g") == .init(.user))
        #expect(throws: APIError.self) { try holder("team-a:sk-a") }
        #expect(throws: APIError.self) { try holder("team-a") }
        #expect(throws: APIError.self) { try holder("") }
    }

    @Test(arguments: [
        ("a b:sk-1", 1), ("ok\nsk-1 sk-2", 2), ("ok\n\n# x\nsk-1 # ann", 4), ("sk-1\tann", 1), ("admin : x", 1), ("admin: a b", 1), ("ok\nname:", 2),
        ("admin:", 1), ("one:sk-1\ntwo:sk-1", 2), ("sk-\u{1}", 1), ("sk\u{a0}1", 1),
        ("ok\nsk-1\u{b}sk-2", 2), ("sk-1\u{c}sk-2", 1), ("sk-1\u{85}sk-2", 1), ("ok\r\nsk-1\u{2028}sk-2", 2), ("sk-1\u{2029}", 1), ("\u{b}sk-1", 1),
        ("sk-1\rsk-2", 1), ("sk-1\u{3000}", 1), ("sk-1\u{7f}", 1), ("team:\u{c}sk-1", 1), ("# a\u{b}b\nsk-1\u{9f}", 2),
    ])
    func aLineThatIsNotOneKeyIsRefusedWithItsNumber(text: String, line: Int) {
        do throws(APIKeys.FileError) {
            _ = try APIKeys(file: text)
            Issue.record("\(text.debugDescription) was read")
        } catch {
            #expect(error.line == line)
            #expect(!error.message.contains("sk-"), "a key in a message")
        }
    }

    @Test func keysComeInThreeHeadersAndWithAnyBlanks() throws {
        let keys = APIKeys(users: ["sk-a"], admins: ["sk-b"])
        let good: [HTTPHeaders] = [
            ["Authorization": "Bearer sk-a"], ["Authorization": "BEARER  sk-a"], ["Authorization": "bearer\tsk-a"],
            ["authorization": " Bearer \t sk-a "], ["x-api-key": "sk-a"], ["API-Key": "sk-a"], ["Authorization": "", "x-api-key": "sk-a"],
            ["Authorization": "Basic eDp5", "api-key": "sk-a"],
        ]
        for headers in good { #expect(try keys.holder(headers).access == .user, "\(headers.fields)") }
        let bad: [HTTPHeaders] = [
            [:], ["Authorization": "Bearer"], ["Authorization": "Bearersk-a"], ["Authorization": "sk-a"], ["Authorization": "Bearer sk-a x"],
            ["x-api-key": "sk-c"], ["x-api-key": ""], ["x-key": "sk-a"], ["Authorization": "Bearer sk-c", "x-api-key": "sk-a"],
        ]
        for headers in bad { #expect(throws: APIError.self, "\(headers.fields)") { try keys.holder(headers) } }
    }

    @LoopActor @Test func aHeaderThatARuleNamesMustComeOnce() async throws {
        let api = TestAPI()
        let twice: HTTPHeaders = ["X-Team": "blue", "x-team": "red"]
        for (method, path) in [("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("POST", "/generate"), ("GET", "/lora-adapters")] {
            let answer = await api.send(method, path, TestAPI.chatBody(""), headers: twice)
            // LoRAX's status for it is 422.
            #expect(answer.status == (path == "/generate" ? 422 : 400), "\(path)")
            #expect(answer.text.contains("x-team"))
        }
        #expect(await api.send("GET", "/health", headers: twice).status == 200)
        #expect(await api.chat("", headers: ["X-Team": "blue", "x-other": "1", "X-Other": "2"]).status == 200)
    }

    @LoopActor @Test func keysDoNotReachTheRules() async throws {
        let api = TestAPI(configure: { $0.keys = APIKeys(users: ["k"]) })
        #expect(await api.chat("", headers: ["x-api-key": "k", "api-key": "k", "Proxy-Authorization": "p", "x-a": "1"]).status == 200)
        #expect(api.services.questions.withLock { $0[0].caller.headers } == ["x-a": ["1"]])
    }

    private static let keys = try! APIKeys(file: "team-a:a\nteam-b:b\nadmin:root\n")

    @LoopActor @Test func anAdapterThatIsNotForACallerIsLikeOneThatIsNotThere() async throws {
        let api = TestAPI(configure: { $0.keys = Self.keys })
        let (first, second): (HTTPHeaders, HTTPHeaders) = (["Authorization": "Bearer a"], ["Authorization": "Bearer b"])
        #expect(await api.chat("\"model\": \"sql\"", headers: first).status == 200)
        let refused = await api.chat("\"model\": \"sql\"", headers: second)
        let unknown = await api.chat("\"model\": \"sqm\"", headers: second)
        #expect(refused.status == 404 && unknown.status == 404)
        #expect(refused.text.replacing("sql", with: "sqm") == unknown.text)
        #expect(try refused.json().error("code") == "model_not_found")
        for field in ["\"expert\": \"sql\"", "\"adapter_id\": \"sql\"", "\"model\": \"smol:sql\"", "\"merged_adapters\": {\"ids\": [\"bash\", \"sql\"]}"] {
            #expect(await api.chat(field, headers: second).status == 404, "\(field)")
        }
        #expect(await api.chat("\"lora\": [{\"id\": 1, \"scale\": 1}]", headers: second).status == 400)
        #expect(api.backend.requests.count == 1)
    }

    @LoopActor @Test func listsShowWhatACallerMayUse() async throws {
        let api = TestAPI(configure: { $0.keys = Self.keys })
        func text(_ path: String, _ key: String) async -> String { await api.send("GET", path, headers: ["Authorization": "Bearer \(key)"]).text }
        for path in ["/v1/models", "/v1/adapters", "/lora-adapters", "/info"] {
            #expect(await text(path, "a").contains("\"sql\""), "\(path)")
            #expect(await !text(path, "b").contains("\"sql\""), "\(path)")
            #expect(await text(path, "b").contains("\"bash\""), "\(path)")
        }
        #expect(await text("/v1/adapters", "root").contains("\"sql\""))
        #expect(await api.send("GET", "/v1/models/sql", headers: ["Authorization": "Bearer b"]).status == 404)
        #expect(await api.send("GET", "/v1/adapters/sql", headers: ["Authorization": "Bearer b"]).status == 404)
        #expect(await api.send("GET", "/v1/adapters/sql", headers: ["Authorization": "Bearer a"]).status == 200)
    }

    @Test func aReportNamesOnlyAdaptersThatItsReaderMayKnow() throws {
        let details: JSONObject = [
            "family": "LoRA", "version": "abc",
            "routing": [
                "canary": ["adapter": "secret", "weight": 0.5], "default_adapter": "secret", "taken_from": ["adapter": "secret", "texts": 3],
                "alike": [["adapter": "secret", "similarity": 1.0], ["adapter": "open", "similarity": 0.5]], "others": ["secret", "open"],
                "description": "writes about secrets",
            ],
        ]
        let report = AdapterReport(name: "geo", state: "ready", reason: nil, folder: "geo", details: details)
        let shown = report.naming { $0 != "secret" }.json
        #expect(!shown.serialized().contains("\"secret\""))
        let routing = try #require(shown["routing"])
        #expect(routing["canary"] == .null && routing["default_adapter"] == .null && routing["taken_from"] == .null)
        #expect(routing["alike"] == [["adapter": "open", "similarity": 0.5]] && routing["others"] == ["open"])
        #expect(routing["description"] == "writes about secrets" && shown["family"] == "LoRA")
        #expect(report.naming { _ in true } == report)
    }

    @LoopActor @Test func theDefaultOfAnAdminIsNotForThoseWhoMayNotUseIt() async throws {
        let api = TestAPI(configure: { $0.keys = Self.keys })
        #expect(await api.send("POST", "/lora-adapters", "[{\"id\": 1, \"scale\": 1}]", headers: ["Authorization": "Bearer root"]).status == 200)
        #expect(await api.chat("", headers: ["Authorization": "Bearer a"]).headers["x-lmoe-adapter"] == "sql")
        #expect(await api.chat("", headers: ["Authorization": "Bearer b"]).headers["x-lmoe-adapter"] == "base")
    }

    @LoopActor @Test func theRouterLearnsWhoAsks() async throws {
        let api = TestAPI(configure: { $0.keys = Self.keys })
        _ = await api.chat(
            "\"user\": \"u-7\"",
            headers: ["Authorization": "Bearer a", "Cookie": "secret", "X-Tenant": "blue", "x-tenant": "red", "x-request-id": "r-1"])
        _ = await api.send("POST", "/v1/route", "{\"input\": \"hi\"}", headers: ["Authorization": "Bearer b"])
        let questions = api.services.questions.withLock { $0 }
        #expect(questions.count == 2)
        #expect(questions[0].caller.key == "team-a")
        #expect(questions[0].caller.headers["x-tenant"] == ["blue", "red"])
        #expect(questions[0].caller.headers["authorization"] == nil && questions[0].caller.headers["cookie"] == nil)
        #expect(questions[0].user == "u-7" && questions[0].requestID == "r-1" && questions[0].isServed)
        #expect(questions[1].caller.key == "team-b" && !questions[1].isServed)
        #expect(api.records[0].key == "team-a")
    }
}
