import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

/// Keys with names, and adapters that are not for everybody.
@Suite struct CallerTests {
    @Test func theKeyFileMayNameItsKeys() throws {
        let keys = APIKeys(file: "team-a:sk-a\nsk-b\nadmin:sk-c\nadmin:ops:sk-d\nadmin: sk-e\nadmin: ops:sk-f\n# x:y\n:sk-g\nempty:\n")
        func holder(_ key: String) throws -> APIKeys.Holder { try keys.holder(authorization: "Bearer \(key)") }
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

    private static let keys = APIKeys(file: "team-a:a\nteam-b:b\nadmin:root\n")

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
