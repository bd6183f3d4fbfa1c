import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct AccessTests {
    @LoopActor @Test func keysAreAskedForAndTold() async throws {
        let api = TestAPI(configure: { $0.keys = try! APIKeys(file: "# team\nsk-one\n\nadmin: sk-root\nadmin:sk-two\n") })
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

    @LoopActor @Test("LoRAX's clients read errors of its shape also where the request is not read", arguments: ["/", "/generate", "/generate_stream"])
    func errorsBeforeTheHandler(path: String) async throws {
        let api = TestAPI(configure: { $0.keys = try! APIKeys(file: "sk-one\n") })
        let answer = await api.send("POST", path)
        #expect(answer.status == 401)
        #expect(try answer.json()["error"]?.stringValue?.isEmpty == false)
        #expect(try answer.json()["error_type"] == "invalid_input")
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
        // No response has the identity `input_tokens`.
        #expect(await api.send("OPTIONS", "/v1/responses/input_tokens").headers["Allow"] == "POST, OPTIONS")
        #expect(await api.send("GET", "/v1/responses/input_tokens").status == 405)
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

    @LoopActor @Test func onlyPagesOfThisMachineReadWhatIsNotGeneratedByDefault() async throws {
        let api = TestAPI()
        let (foreign, local): (HTTPHeaders, HTTPHeaders) = (["Origin": "https://app.example"], ["Origin": "http://localhost:3000"])
        for path in ["/metrics", "/v1/adapters", "/v1/adapters/sql", "/v1/models", "/info", "/lora-adapters", "/health", "/ready"] {
            let answer = await api.send("GET", path, headers: foreign)
            #expect(answer.headers["Access-Control-Allow-Origin"] == nil, "\(path)")
            #expect(answer.headers["Vary"] == "Origin")
            #expect(await api.send("GET", path, headers: local).headers["Access-Control-Allow-Origin"] == "http://localhost:3000", "\(path)")
        }
        for path in ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/generate", "/generate_stream", "/"] {
            #expect(await api.send("POST", path, "{}", headers: foreign).headers["Access-Control-Allow-Origin"] == "*", "\(path)")
        }
        let open = TestAPI(configure: { $0.cors = CORSPolicy("*") })
        #expect(await open.send("GET", "/metrics", headers: foreign).headers["Access-Control-Allow-Origin"] == "*")
    }

    @LoopActor @Test func optionsOnAnUnknownPathLetAPageSeeThatItIsUnknown() async throws {
        let api = TestAPI()
        let page: HTTPHeaders = ["Origin": "https://app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-a"]
        let answer = await api.send("OPTIONS", "/v1/nothing", headers: page)
        #expect(answer.status == 204)
        #expect(answer.headers["Access-Control-Allow-Origin"] == "*")
        #expect(answer.headers["Access-Control-Allow-Methods"]?.contains("POST") == true)
        #expect(answer.headers["Access-Control-Allow-Headers"] == "x-a")
        #expect(await api.send("POST", "/v1/nothing", headers: page).headers["Access-Control-Allow-Origin"] == "*")
        #expect(await api.send("OPTIONS", "/v1/nothing").status == 404)
    }

    @LoopActor @Test func theHeaderAloneDecidesBeforeABodyComes() throws {
        let api = TestAPI(configure: { $0.keys = APIKeys(users: ["k"]) })
        func refusal(_ path: String, _ headers: HTTPHeaders, method: String = "POST") -> HTTPAnswer? {
            api.service.refusal(of: HTTPRequest(method: method, target: path, headers: headers))
        }
        let answer = try #require(refusal("/v1/chat/completions", ["Origin": "https://a.example"]))
        #expect(answer.status == 401)
        #expect(answer.headers["WWW-Authenticate"] == "Bearer" && answer.headers["x-request-id"] != nil)
        #expect(answer.headers["Access-Control-Allow-Origin"] == "*")
        #expect(try JSONValue.parse(answer.body).error("code") == "missing_api_key")
        #expect(refusal("/v1/chat/completions", ["Authorization": "Bearer x"])?.status == 401)
        #expect(refusal("/v1/load_lora_adapter", ["Authorization": "Bearer k"])?.status == 403)
        #expect(refusal("/v1/nothing", ["Authorization": "Bearer k"])?.status == 404)
        #expect(refusal("/v1/models", ["Authorization": "Bearer k"])?.headers["Allow"] == "GET, HEAD, OPTIONS")
        #expect(refusal("/v1/chat/completions", ["Authorization": "Bearer k"]) == nil)
        #expect(api.records.map(\.status) == [401, 401, 403, 404, 405])
    }

    @LoopActor @Test func unknownErrorsAreToldToTheLogAndNotToTheClient() async throws {
        struct Secret: Error { let path = "/srv/secret" }
        let api = TestAPI()
        api.services.failure.withLock { $0 = Secret() }
        let answer = await api.send("GET", "/v1/adapters/bash")
        #expect(answer.status == 500)
        #expect(!answer.text.contains("ecret"))
        #expect(api.records[0].failure?.contains("/srv/secret") == true)
        #expect(answer.headers["x-request-id"] == api.records[0].id)
        let known = TestAPI(ScriptedBackend.failing(.init(.internalFailure, "a step failed")))
        #expect(await known.chat("").status == 500)
        #expect(known.records[0].failure == "a step failed")
    }

    @LoopActor @Test func whatIsNotCompleteAtTheEndGetsA503OrAnErrorEvent() async throws {
        let api = TestAPI({ request, stream in
            guard request.maxTokens != 7 else { return }
            stream.send(.started(.init(adapter: nil, adapterVersion: nil, promptTokens: 1, cachedTokens: 0)))
            stream.send(.delta(text: "a", logprobs: []))
        })
        async let waiting = api.chat("\"model\":\"base\",\"max_tokens\":7,\"stream\":true")
        async let whole = api.chat("\"model\":\"base\"")
        async let stream = api.chat("\"model\":\"base\",\"stream\":true")
        while api.backend.openStreams.count < 3 { await Task.yield() }
        // What the backend has sent reaches the answers first.
        for _ in 0..<100 { await Task.yield() }
        api.service.endAll(APIError(.draining, "The server is stopping.", retryAfterSeconds: 5))
        for answer in [await waiting, await whole] {
            #expect(answer.status == 503)
            let body = try answer.json()
            #expect(body.error("code") == "draining")
            #expect(answer.headers["retry-after"] == "5")
        }
        let events = try await stream.eventValues()
        #expect(await stream.status == 200)
        #expect(events.last?.error("code") == "draining")
        #expect(api.backend.openStreams.filter(\.isCancelled).count == 3)
        #expect(api.records.count == 3)
        api.service.endAll(APIError(.draining, "again"))
        #expect(api.records.count == 3)
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
        for isGeneration in [true, false] {
            let local = CORSPolicy(.local)
            #expect(local.headers(origin: "http://[::1]:8080", isGeneration: isGeneration)["Access-Control-Allow-Origin"] == "http://[::1]:8080")
            #expect(local.headers(origin: "https://app.example", isGeneration: isGeneration)["Access-Control-Allow-Origin"] == nil)
            #expect(local.headers(origin: "https://app.example", isGeneration: isGeneration)["Vary"] == "Origin")
            #expect(CORSPolicy(.none).headers(origin: "http://localhost", isGeneration: isGeneration).isEmpty)
        }
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
