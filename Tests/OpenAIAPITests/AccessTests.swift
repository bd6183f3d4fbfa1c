import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct AccessTests {
    @LoopActor @Test func keysAreAskedForAndTold() async throws {
        let api = TestAPI(configure: { $0.keys = APIKeys(file: "# team\nsk-one  ann\n\nadmin: sk-root\nadmin:sk-two\n") })
        func status(_ key: String?, _ method: String = "GET", _ path: String = "/v1/models") async -> Int? {
            await api.send(method, path, headers: key.map { ["Authorization": $0] } ?? [:]).status
        }
        #expect(await status("Bearer sk-one") == 200)
        #expect(await status("bearer sk-root") == 200)
        for (key, code) in [(nil, "missing_api_key"), ("Basic x", "missing_api_key"), ("Bearer sk-on", "invalid_api_key"), ("Bearer sk-onee", "invalid_api_key")] {
            let answer = await api.send("GET", "/v1/models", headers: key.map { ["Authorization": $0] } ?? [:])
            #expect(answer.status == 401)
            #expect(answer.headers["WWW-Authenticate"] == "Bearer")
            #expect(try answer.json().error("type") == "authentication_error")
            #expect(try answer.json().error("code") == .string(code))
        }
        #expect(await status(nil, "GET", "/health") == 200)
        #expect(await status(nil, "GET", "/ready") == 200)
        #expect(await status(nil, "GET", "/metrics") == 401)
        #expect(await status("Bearer sk-one", "DELETE", "/v1/adapters/bash") == 403)
        #expect(await status("Bearer sk-two", "DELETE", "/v1/adapters/bash") == 200)
    }

    @LoopActor @Test func unknownPathsAndMethodsAreTold() async throws {
        let api = TestAPI()
        let missing = await api.send("GET", "/v1/nothing")
        #expect(missing.status == 404)
        #expect(try missing.json().error("code") == "unknown_url")
        let wrong = await api.send("GET", "/v1/chat/completions")
        #expect(wrong.status == 405)
        #expect(wrong.headers["Allow"] == "POST, OPTIONS")
        let adapters = await api.send("POST", "/v1/adapters/bash")
        #expect(adapters.headers["Allow"] == "GET, PUT, DELETE, HEAD, OPTIONS")
        #expect(await api.send("HEAD", "/v1/models").status == 200)
        #expect(await api.send("GET", "/v1/models/").status == 200)
        #expect(api.records.map(\.endpoint).contains("other"))
    }

    @LoopActor @Test func beforeTheModelsAndAtTheEndItSaysSo() async throws {
        let api = TestAPI()
        let services = api.service.services
        api.service.services = nil
        #expect(await api.send("GET", "/health").status == 200)
        let ready = await api.send("GET", "/ready")
        #expect(ready.status == 503)
        #expect(ready.text == "{\"status\":\"loading\"}")
        let loading = await api.chat("")
        #expect(loading.status == 503)
        #expect(try loading.json().error("code") == "loading")
        #expect(loading.headers["retry-after"] == "1")
        api.service.services = services
        #expect(await api.send("GET", "/ready").status == 200)
        api.service.isDraining = true
        #expect(await api.send("GET", "/ready").text == "{\"status\":\"draining\"}")
        #expect(await api.chat("").status == 503)
        #expect(await api.send("GET", "/v1/models").status == 200)
    }

    @LoopActor @Test func pagesMayReadAnswersAndErrors() async throws {
        let api = TestAPI()
        let page: HTTPHeaders = ["Origin": "https://app.example"]
        for answer in [
            await api.chat("", headers: page), await api.chat("\"n\":0", headers: page), await api.send("GET", "/nowhere", headers: page),
            await api.chat("\"stream\":true", headers: page),
        ] {
            #expect(answer.headers["Access-Control-Allow-Origin"] == "*")
            #expect(answer.headers["Access-Control-Expose-Headers"]?.contains("x-lmoe-adapter") == true)
        }
        #expect(await api.chat("").headers["Access-Control-Allow-Origin"] == nil)
    }

    @LoopActor @Test func preflightsAreAnswered() async throws {
        let api = TestAPI(configure: { $0.keys = APIKeys(users: ["k"]) })
        let answer = await api.send(
            "OPTIONS", "/v1/chat/completions",
            headers: [
                "Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
                "Access-Control-Request-Private-Network": "true",
            ])
        #expect(answer.status == 204)
        #expect(answer.body.isEmpty)
        #expect(answer.headers["Access-Control-Allow-Origin"] == "*")
        #expect(answer.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS")
        #expect(answer.headers["Access-Control-Allow-Headers"] == "authorization,content-type,x-stainless-os")
        #expect(answer.headers["Access-Control-Allow-Private-Network"] == "true")
    }

    @LoopActor @Test func otherSitesMayNotManageAdapters() async throws {
        let api = TestAPI()
        func delete(_ origin: String?, _ service: TestAPI) async -> Int? {
            await service.send("DELETE", "/v1/adapters/bash", headers: origin.map { ["Origin": $0] } ?? [:]).status
        }
        #expect(await delete(nil, api) == 200)
        #expect(await delete("http://localhost:5173", api) == 200)
        for origin in ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://localhost:80@evil.example"] {
            #expect(await delete(origin, api) == 403, "\(origin)")
        }
        #expect(api.services.changes.withLock { $0.count } == 2)
        let listed = TestAPI(configure: { $0.cors = CORSPolicy("https://admin.example, https://b.example/") })
        #expect(await delete("https://b.example", listed) == 200)
        #expect(await delete("https://evil.example", listed) == 403)
    }

    @Test func policiesAreReadAndHold() {
        #expect(CORSPolicy("*").origins == .any)
        #expect(CORSPolicy("local").origins == .local)
        #expect(CORSPolicy("none").origins == CORSPolicy.Origins.none)
        let local = CORSPolicy(.local)
        #expect(local.headers(origin: "http://[::1]:8080")["Access-Control-Allow-Origin"] == "http://[::1]:8080")
        #expect(local.headers(origin: "https://app.example")["Access-Control-Allow-Origin"] == nil)
        #expect(local.headers(origin: "https://app.example")["Vary"] == "Origin")
        #expect(CORSPolicy(.none).headers(origin: "http://localhost").isEmpty)
    }

    @LoopActor @Test func requestIdentitiesOfClientsAreKeptWhenTheyArePlain() async throws {
        let api = TestAPI()
        #expect(await api.send("GET", "/health", headers: ["x-request-id": "a-1_b.C"]).headers["x-request-id"] == "a-1_b.C")
        for bad in ["a b", "a\u{1B}[31m", "", String(repeating: "x", count: 129)] {
            let id = await api.send("GET", "/health", headers: ["x-request-id": bad]).headers["x-request-id"]
            #expect(id?.hasPrefix("req_") == true)
        }
    }

    @Test func everyCodeHasARowAndDialects() {
        for code in APIError.Code.allCases {
            let row = ErrorTable.row(code)
            #expect((400...599).contains(row.status))
            #expect(row.status != 422)
            let error = APIError(code, "m", param: "p")
            #expect(ErrorDialect.openAI.body(error)["error"]?.objectValue?.keys == ["message", "type", "param", "code"])
            #expect(ErrorDialect.lorax.body(error).objectValue?.keys == ["error", "error_type"])
            #expect(ErrorDialect.vllm.body(error)["error"]?["code"]?.intValue == ErrorDialect.vllm.status(error))
        }
    }
}
