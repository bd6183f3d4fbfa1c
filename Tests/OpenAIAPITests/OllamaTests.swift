import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct OllamaTests {
    private static func chat(_ fields: String = "", content: String = "some bash please") -> String {
        "{\"messages\":[{\"role\":\"user\",\"content\":\"\(content)\"}]\(fields.isEmpty ? "" : ",\(fields)")}"
    }

    private static let tools =
        "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"add\",\"description\":\"Adds\",\"parameters\":{\"type\":\"object\"}}},{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]"

    private static let times: JSONObject = [
        "total_duration": 11_500_000, "load_duration": 2_000_000, "prompt_eval_count": 5, "prompt_eval_duration": 3_000_000, "eval_count": 2,
        "eval_duration": 4_000_000,
    ]

    @LoopActor @Test func theWholeAnswerHasTheClientsNameAndNanoseconds() async throws {
        let answer = await TestAPI().send("POST", "/api/chat", Self.chat("\"model\":\"auto:latest\",\"stream\":false"))
        #expect(answer.status == 200 && answer.headers["Content-Type"] == "application/json" && answer.headers["x-lmoe-adapter"] == "bash")
        var expected: JSONObject = [
            "model": "auto:latest", "created_at": "2023-11-14T22:13:20Z", "message": ["role": "assistant", "content": "Hello"], "done": true,
            "done_reason": "stop",
        ]
        for (key, value) in Self.times { expected[key] = value }
        var body = try #require(answer.json().objectValue)
        #expect(body["lmoe"]?["route"] == "matched")
        body["lmoe"] = nil
        #expect(body == expected)

        let generated = try await TestAPI().send("POST", "/api/generate", "{\"model\":\"sql\",\"prompt\":\"x\",\"stream\":false}").json()
        #expect(generated["response"] == "Hello" && generated["message"] == nil && generated["done_reason"] == "stop")
    }

    @LoopActor @Test func aStreamIsTheDefaultAndHasALineForEachPiece() async throws {
        let answer = await TestAPI().send("POST", "/api/chat", Self.chat("\"model\":\"bash:latest\""))
        #expect(answer.headers["Content-Type"] == "application/x-ndjson")
        let lines = try answer.lines()
        #expect(lines.map { $0["message"]?["content"] } == ["Hel", "lo", ""])
        #expect(lines.map { $0["done"] } == [false, false, true])
        #expect(lines.last?["eval_count"] == 2 && lines.last?["done_reason"] == "stop" && lines.last?["lmoe"]?["adapter"] == "bash")
        let generated = try await TestAPI().send("POST", "/api/generate", "{\"model\":\"base\",\"prompt\":\"x\"}").lines()
        #expect(generated.map { $0["response"] } == ["Hel", "lo", ""])
        let short = try await TestAPI(ScriptedBackend.cut).send("POST", "/api/chat", Self.chat("\"model\":\"base\"")).lines()
        #expect(short.last?["done_reason"] == "length")
    }

    @LoopActor @Test func callsComeWholeAndTheirArgumentsAreObjects() async throws {
        let first: JSONValue = ["id": "call_abc", "function": ["index": 0, "name": "add", "arguments": ["a": 1, "b": 2]]]
        let second: JSONValue = ["id": "call_def", "function": ["index": 1, "name": "now", "arguments": [:]]]
        let api = TestAPI(ScriptedBackend.everything)
        let whole = try await api.send("POST", "/api/chat", Self.chat("\"model\":\"base\",\"stream\":false,\(Self.tools)")).json()
        #expect(
            whole["message"] == [
                "role": "assistant", "content": "I shall add.", "thinking": "Let me think.", "tool_calls": [first, second],
            ])
        #expect(whole["done_reason"] == "stop")
        let lines = try await api.send("POST", "/api/chat", Self.chat("\"model\":\"base\",\(Self.tools)")).lines()
        #expect(lines.map { $0["message"]?["thinking"] } == ["Let me ", "think.", nil, nil, nil, nil, nil])
        #expect(lines.map { $0["message"]?["content"] } == ["", "", "I shall ", "add.", "", "", ""])
        #expect(lines.map { $0["message"]?["tool_calls"] } == [nil, nil, nil, nil, [first], [second], nil])
        guard case .chat(_, let tools)? = api.backend.requests.first?.prompt else {
            Issue.record("not a chat")
            return
        }
        #expect(tools.map(\.name) == ["add", "now"] && tools[0].description == "Adds")
    }

    @LoopActor @Test func logprobsStandBesideThePieces() async throws {
        let lines = try await TestAPI().send("POST", "/api/chat", Self.chat("\"model\":\"base\",\"logprobs\":true,\"top_logprobs\":2")).lines()
        #expect(lines[0]["logprobs"]?[0]?["token"] == "Hel" && lines[0]["logprobs"]?[0]?["logprob"] == -0.5)
        #expect(lines[0]["logprobs"]?[0]?["top_logprobs"]?.arrayValue?.count == 2)
    }

    @LoopActor @Test func theRequestReachesTheBackend() async throws {
        let api = TestAPI()
        let options =
            "{\"num_predict\":7,\"seed\":5,\"temperature\":0,\"top_k\":-1,\"top_p\":0.5,\"min_p\":0.1,\"repeat_penalty\":1.5,\"stop\":\"END\",\"num_ctx\":4096,\"num_gpu\":0}"
        let answer = await api.send(
            "POST", "/api/chat", Self.chat("\"model\":\"bash\",\"options\":\(options),\"format\":{\"type\":\"object\"},\"think\":\"low\",\"keep_alive\":\"5m\""))
        #expect(answer.status == 200, "\(answer.text)")
        let request = try #require(api.backend.requests.first)
        #expect(request.maxTokens == 7 && request.stop == ["END"] && request.adapter == "bash")
        #expect(request.sampling.seed == 5 && request.sampling.temperature == 0 && request.sampling.topK == 0 && request.sampling.topP == 0.5)
        #expect(request.sampling.minP == 0.1 && request.sampling.repetitionPenalty == 1.5)
        #expect(request.format == AnswerFormat(.jsonSchema(AnswerSchema(["type": "object"])), field: "format"))
        #expect(request.rendering.variables == ["enable_thinking": true, "reasoning_effort": "low"])

        _ = await api.send("POST", "/api/generate", "{\"model\":\"base\",\"prompt\":\"x\",\"system\":\"Be brief.\",\"format\":\"json\",\"options\":{\"num_predict\":-1}}")
        let second = try #require(api.backend.requests.last)
        #expect(second.truncation == PromptTruncation(tokens: nil))
        #expect(second.maxTokens == nil && second.format == AnswerFormat(.jsonObject, field: "format"))
        #expect(second.sampling.temperature == 0.8 && second.sampling.topK == 40 && second.sampling.topP == 0.9 && second.sampling.repetitionPenalty == 1)
        guard case .chat(let messages, _) = second.prompt else {
            Issue.record("not a chat")
            return
        }
        #expect(messages == [ChatMessage(role: "system", content: "Be brief."), ChatMessage(role: "user", content: "x")])
        _ = await api.send("POST", "/api/generate", "{\"model\":\"base\",\"prompt\":\"x\",\"raw\":true,\"truncate\":false,\"format\":\"\",\"context\":[],\"images\":[]}")
        guard case .text("x", true, true)? = api.backend.requests.last?.prompt else {
            Issue.record("not a text")
            return
        }
        #expect(api.backend.requests.last?.format == nil && api.backend.requests.last?.truncation == nil)
    }

    @LoopActor @Test func turnsOfToolsAreRead() async throws {
        let api = TestAPI()
        let body = """
            {"model":"base","messages":[{"role":"user","content":"add"},
            {"role":"assistant","content":"","thinking":"x","tool_calls":[{"function":{"name":"add","arguments":{"a":1}}}]},
            {"role":"tool","content":"3","tool_name":"add"}]}
            """
        #expect(await api.send("POST", "/api/chat", body).status == 200)
        guard case .chat(let messages, _)? = api.backend.requests.first?.prompt else {
            Issue.record("not a chat")
            return
        }
        #expect(
            messages.dropFirst() == [
                ChatMessage(role: "assistant", content: "", reasoning: "x", toolCalls: [ToolCall(id: "", name: "add", arguments: ["a": 1])]),
                ChatMessage(role: "tool", content: "3", name: "add"),
            ])
    }

    @LoopActor @Test func anErrorInAStreamIsALine() async throws {
        let api = TestAPI(ScriptedBackend.broken)
        let lines = try await api.send("POST", "/api/chat", Self.chat("\"model\":\"base\"")).lines()
        #expect(lines.count == 2 && lines[1].objectValue?.keys == ["error"])
        #expect(api.records.map(\.failure) == ["broken"])
    }

    @LoopActor @Test func withoutAPromptTheModelIsLoadedOrLeavesMemory() async throws {
        let api = TestAPI()
        for (path, body, reason) in [
            ("/api/generate", "{\"model\":\"bash:latest\"}", "load"), ("/api/chat", "{\"model\":\"sql\",\"messages\":[]}", "load"),
            ("/api/generate", "{\"model\":\"bash\",\"prompt\":\"\",\"keep_alive\":0}", "unload"),
            ("/api/chat", "{\"model\":\"sql\",\"keep_alive\":\"0s\"}", "unload"), ("/api/generate", "{\"model\":\"base\",\"keep_alive\":-1}", "load"),
        ] {
            let answer = try await api.send("POST", path, body).json()
            #expect(answer["done_reason"] == .string(reason) && answer["done"] == true, "\(body)")
            #expect((path == "/api/chat" ? answer["message"]?["content"] : answer["response"]) == "")
        }
        #expect(api.services.changes.withLock { $0 } == ["bring bash", "bring sql", "release bash", "release sql"])
        #expect(api.backend.requests.isEmpty)
    }

    @LoopActor @Test func onlyAdminsEmptyTheMemory() async throws {
        let api = TestAPI(configure: { $0.keys = APIKeys(users: ["u"], admins: ["a"]) })
        let unload = "{\"model\":\"bash\",\"keep_alive\":0}"
        #expect(await api.send("POST", "/api/generate", unload, headers: ["x-api-key": "u"]).status == 403)
        #expect(await api.send("POST", "/api/generate", unload, headers: ["x-api-key": "a", "Origin": "https://other.example"]).status == 403)
        // Beside a prompt it is a wish.
        let prompt = "{\"model\":\"bash\",\"prompt\":\"x\",\"keep_alive\":0}"
        #expect(await api.send("POST", "/api/generate", prompt, headers: ["x-api-key": "u"]).status == 200)
        #expect(api.services.changes.withLock { $0.isEmpty })
        #expect(await api.send("POST", "/api/generate", prompt, headers: ["x-api-key": "a"]).status == 200)
        while api.services.changes.withLock({ $0.isEmpty }) { await Task.yield() }
        #expect(await api.send("POST", "/api/generate", unload, headers: ["x-api-key": "a"]).status == 200)
        #expect(api.services.changes.withLock { $0 } == ["release bash", "release bash"])
    }

    @LoopActor @Test func modelsAreListedShownAndRunning() async throws {
        let api = TestAPI(configure: { $0.keys = APIKeys(users: ["u"], admins: ["a"]) })
        let key: HTTPHeaders = ["Authorization": "Bearer a"]
        let tags = try await api.send("GET", "/api/tags", headers: key).json()["models"]?.arrayValue ?? []
        #expect(tags.map { $0["name"] } == ["smol:latest", "bash:latest", "sql:latest", "auto:latest", "encoder:latest"])
        #expect(tags.allSatisfy { $0["digest"]?.stringValue?.utf8.count == 64 && $0["size"]?.intValue != nil && $0["details"]?["family"] != nil })
        #expect(tags[1]["details"]?["parent_model"] == "smol" && tags[1]["modified_at"] == "1970-01-01T00:03:20Z")
        let running = try await api.send("GET", "/api/ps", headers: key).json()["models"]?.arrayValue ?? []
        #expect(running.map { $0["name"] } == ["smol:latest", "encoder:latest"])
        #expect(running.allSatisfy { $0["expires_at"] != nil && $0["size_vram"] == 0 })
        for name in ["bash", "bash:latest"] {
            let shown = try await api.send("POST", "/api/show", "{\"model\":\"\(name)\"}", headers: key).json()
            #expect(shown["capabilities"] == ["completion", "tools"] && shown["model_info"]?["unknown.context_length"] == 2048, "\(name)")
            #expect(shown["modelfile"] == "FROM smol\nADAPTER bash")
        }
        #expect(try await api.send("POST", "/api/show", "{\"name\":\"mini\"}", headers: key).json()["capabilities"] == ["embedding"])
        #expect(await api.send("POST", "/api/show", "{\"model\":\"nope\"}", headers: key).status == 404)
        #expect(await api.send("GET", "/api/tags").status == 401)
    }

    @LoopActor @Test func anyoneSeesThatItRuns() async throws {
        let api = TestAPI(configure: {
            $0.keys = APIKeys(users: ["u"])
            $0.version = "1.4-dirty"
        })
        let root = await api.send("GET", "/")
        #expect(root.status == 200 && root.text == "Ollama is running")
        #expect(await api.send("HEAD", "/").status == 200)
        #expect(try await api.send("GET", "/api/version").json() == ["version": "1.4.0"])
    }

    @LoopActor @Test func textsAreEmbedded() async throws {
        let api = TestAPI()
        let many = try await api.send("POST", "/api/embed", "{\"model\":\"encoder:latest\",\"input\":[\"a\",\"bc\"]}").json()
        #expect(many["embeddings"] == [[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]] && many["prompt_eval_count"] == 3)
        #expect(many["model"] == "encoder:latest")
        let cut = try await api.send("POST", "/api/embed", "{\"model\":\"mini\",\"input\":\"a\",\"dimensions\":1}").json()
        #expect(cut["embeddings"] == [[1.0]])
        #expect(try await api.send("POST", "/api/embed", "{\"model\":\"mini\",\"input\":\"\"}").json()["embeddings"] == [])
        #expect(try await api.send("POST", "/api/embeddings", "{\"model\":\"mini\",\"prompt\":\"a\"}").json() == ["embedding": [0.5, 0.5, 0.5, 0.5]])
        #expect(await api.send("POST", "/api/embed", "{\"model\":\"bash\",\"input\":\"a\"}").status == 404)
        #expect(await api.send("POST", "/api/embed", "{\"model\":\"mini\",\"input\":[3]}").status == 400)
    }

    @LoopActor @Test func whatIsNotDoneHereIsSaid() async throws {
        for (method, path) in [("POST", "/api/pull"), ("POST", "/api/create"), ("DELETE", "/api/delete"), ("POST", "/api/blobs/sha256:00"), ("HEAD", "/api/blobs/x")] {
            let answer = await TestAPI().send(method, path, "{}")
            #expect(answer.status == 501)
            if method != "HEAD" { #expect(try answer.json().objectValue?.keys == ["error"]) }
        }
    }

    @LoopActor @Test(arguments: [
        ("/api/chat", chat("\"model\":\"nope\""), "model 'nope' not found", 404),
        ("/api/generate", "{\"model\":\"nope:latest\"}", "model 'nope:latest' not found", 404),
        ("/api/chat", chat("\"modle\":\"base\""), "`modle`: unknown field; it is not one of Ollama's and", 400), ("/api/chat", "{\"messages\":[{\"role\":\"robot\"}]}", "messages[0].role", 400),
        ("/api/chat", "{\"messages\":[{\"role\":\"user\",\"content\":[]}]}", "messages[0].content", 400),
        ("/api/chat", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"images\":[\"eA==\"]}]}", "messages[0].images", 400),
        ("/api/chat", chat("\"format\":\"xml\""), "format", 400), ("/api/chat", chat("\"format\":7"), "format", 400),
        ("/api/chat", chat("\"think\":\"hard\""), "think", 400), ("/api/chat", chat("\"keep_alive\":\"soon\""), "keep_alive", 400),
        ("/api/chat", chat("\"options\":{\"temprature\":1}"), "options.temprature", 400),
        ("/api/chat", chat("\"options\":{\"mirostat\":2}"), "options.mirostat", 400),
        ("/api/chat", chat("\"options\":{\"stop\":[\"\"]}"), "options.stop[0]", 400),
        ("/api/chat", chat("\"tools\":[{\"type\":\"web\"}]"), "tools[0].type", 400), ("/api/chat", chat("\"prompt\":\"x\""), "prompt", 400),
        ("/api/generate", "{\"prompt\":\"x\",\"suffix\":\"y\"}", "suffix", 400), ("/api/generate", "{\"prompt\":\"x\",\"template\":\"y\"}", "template", 400),
        ("/api/generate", "{\"prompt\":\"x\",\"context\":[1]}", "context", 400), ("/api/generate", "{\"prompt\":7}", "prompt", 400),
        ("/api/generate", "[]", "object", 400),
    ])
    func aBadFieldIsNamed(path: String, body: String, place: String, status: Int) async throws {
        let answer = await TestAPI().send("POST", path, body)
        #expect(answer.status == status)
        let error = try answer.json()
        #expect(error.objectValue?.keys == ["error"] && error["error"]?.stringValue?.contains(place) == true, "\(answer.text)")
    }

    @Test func durationsAreRead() {
        for (text, seconds) in [
            ("5m", 300), ("1h30m", 5400), ("-1s", -1), ("0", 0), ("12", 12), ("1.5h", 5400), ("300ms", 0.3), ("-5m", -300), ("", nil), ("m", nil), ("5", 5),
            ("5x", nil), ("1h-3m", nil), ("--1", nil), ("1..5s", nil), ("1e3s", nil),
        ] as [(String, Double?)] {
            #expect(OllamaDuration.seconds(text) == seconds, "\(text)")
        }
    }
}
