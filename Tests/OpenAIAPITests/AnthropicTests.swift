import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct AnthropicTests {
    private static func body(_ fields: String = "", content: String = "\"some bash please\"") -> String {
        "{\"max_tokens\":16,\"messages\":[{\"role\":\"user\",\"content\":\(content)}]\(fields.isEmpty ? "" : ",\(fields)")}"
    }

    private static let tools =
        "\"tools\":[{\"name\":\"add\",\"description\":\"Adds\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}}},\"strict\":true},{\"name\":\"now\",\"input_schema\":{\"type\":\"object\"}}]"

    @LoopActor private func post(_ body: String, _ api: TestAPI, headers: HTTPHeaders = [:]) async -> HTTPResponseRecorder {
        await api.send("POST", "/v1/messages", body, headers: headers)
    }

    @LoopActor @Test func theWholeAnswerIsThis() async throws {
        let answer = await post(Self.body("\"model\":\"auto\""), TestAPI(), headers: ["x-request-id": "mine-1"])
        #expect(answer.status == 200)
        #expect(answer.headers["request-id"] == "mine-1" && answer.headers["x-lmoe-adapter"] == "bash")
        let id = try #require(answer.json()["id"]?.stringValue)
        #expect(id.hasPrefix("msg_") && id.count == 28)
        let expected = """
            {"id":"msg_ID","type":"message","role":"assistant","model":"bash","content":[{"type":"text","text":"Hello"}],\
            "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":0,\
            "cache_read_input_tokens":2,"output_tokens":2},"lmoe":{"adapter":"bash","version":"v-bash","route":"matched",\
            "probability":0.9375,"timings_ms":{"queue":1.0,"route":1.5,"load":2.0,"prefill":3.0,"decode":4.0}}}
            """
        #expect(answer.text.replacing(id, with: "msg_ID") == expected)
    }

    @LoopActor @Test func thinkingTextAndCallsAreBlocksInThisOrder() async throws {
        let answer = try await post(Self.body("\"model\":\"base\",\(Self.tools)"), TestAPI(ScriptedBackend.everything)).json()
        #expect(answer["stop_reason"] == "tool_use")
        #expect(
            answer["content"] == [
                ["type": "thinking", "thinking": "Let me think.", "signature": ""], ["type": "text", "text": "I shall add."],
                ["type": "tool_use", "id": "toolu_abc", "name": "add", "input": ["a": 1, "b": 2]],
                ["type": "tool_use", "id": "toolu_def", "name": "now", "input": [:]],
            ])
        let short = try await post(Self.body("\"model\":\"base\""), TestAPI(ScriptedBackend.cut)).json()
        #expect(short["stop_reason"] == "max_tokens" && short["content"] == [["type": "text", "text": "Hel"]])
        let silent = try await post(Self.body("\"model\":\"base\""), TestAPI(ScriptedBackend.silent)).json()
        #expect(silent["content"] == [["type": "text", "text": ""]])
    }

    @LoopActor @Test func aStreamHasNamedEventsForEachBlock() async throws {
        let answer = await post(Self.body("\"model\":\"base\",\"stream\":true,\(Self.tools)"), TestAPI(ScriptedBackend.everything))
        #expect(answer.headers["Content-Type"] == "text/event-stream")
        let events = try answer.namedEvents()
        #expect(events.allSatisfy { $0.name == $0.data["type"]?.stringValue })
        let names = events.map(\.name)
        #expect(
            names == [
                "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
                "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop", "content_block_start",
                "content_block_delta", "content_block_delta", "content_block_stop", "content_block_start", "content_block_delta",
                "content_block_stop", "message_delta", "message_stop",
            ])
        #expect(events[0].data["message"]?["content"] == [] && events[0].data["message"]?["usage"]?["input_tokens"] == 3)
        #expect(events[0].data["message"]?["lmoe"]?["route"] == "explicit")
        #expect(events[2].data["delta"] == ["type": "thinking_delta", "thinking": "Let me "])
        #expect(events[6].data == ["type": "content_block_delta", "index": 1, "delta": ["type": "text_delta", "text": "I shall "]])
        #expect(
            events[9].data == [
                "type": "content_block_start", "index": 2,
                "content_block": ["type": "tool_use", "id": "toolu_abc", "name": "add", "input": [:]],
            ])
        #expect(events[10].data["delta"] == ["type": "input_json_delta", "partial_json": "{\"a\": 1, "])
        #expect(events[14].data["index"] == 3 && events[15].data["index"] == 3)
        #expect(events[16].data["delta"] == ["stop_reason": "tool_use", "stop_sequence": nil])
        #expect(events[16].data["usage"]?["output_tokens"] == 20)

        let silent = try await post(Self.body("\"model\":\"base\",\"stream\":true"), TestAPI(ScriptedBackend.silent)).namedEvents()
        #expect(
            silent.map(\.name) == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"])
    }

    @LoopActor @Test func anErrorInAStreamIsAnEventOfThatName() async throws {
        let api = TestAPI(ScriptedBackend.broken)
        let answer = await post(Self.body("\"model\":\"base\",\"stream\":true"), api, headers: ["x-request-id": "mine-2"])
        let last = try #require(try answer.namedEvents().last)
        #expect(last.name == "error")
        #expect(last.data["type"] == "error" && last.data["error"]?["type"] == "api_error" && last.data["request_id"] == "mine-2")
        #expect(api.records.map(\.failure) == ["broken"])
    }

    @LoopActor @Test(arguments: [
        (GenerationError(.overloaded, "full", retryAfterSeconds: 7), 529, "overloaded_error"),
        (GenerationError(.contextLengthExceeded, "long"), 400, "invalid_request_error"),
        (GenerationError(.draining, "stopping"), 503, "api_error"), (GenerationError(.adapterNotFound, "gone"), 404, "not_found_error"),
        (GenerationError(.internalFailure, "secret"), 500, "api_error"),
    ])
    func errorsHaveAnthropicsTypes(error: GenerationError, status: Int, type: String) async throws {
        for stream in ["false", "true"] {
            let answer = await post(Self.body("\"model\":\"sql\",\"stream\":\(stream)"), TestAPI(ScriptedBackend.failing(error)))
            #expect(answer.status == status)
            let body = try answer.json()
            #expect(body["type"] == "error" && body.error("type") == .string(type) && body["request_id"]?.stringValue != nil)
            #expect(!answer.text.contains("secret"))
            if status == 529 { #expect(answer.headers["retry-after"] == "7") }
        }
    }

    @LoopActor @Test func aKeyIsTakenAndItsLackIsAnthropicsError() async throws {
        let api = TestAPI(configure: { $0.keys = APIKeys(users: ["sk-1"]) })
        let body = Self.body("\"model\":\"base\"")
        #expect(await post(body, api, headers: ["x-api-key": "sk-1", "anthropic-version": "2023-06-01"]).status == 200)
        for headers in [[:], ["x-api-key": "sk-2"]] as [HTTPHeaders] {
            let answer = await post(body, api, headers: headers)
            #expect(answer.status == 401)
            #expect(try answer.json().error("type") == "authentication_error")
        }
        #expect(try await TestAPI().send("GET", "/v1/messages").json().error("type") == "invalid_request_error")
    }

    @LoopActor @Test func theRequestReachesTheBackend() async throws {
        let api = TestAPI()
        let fields = """
            "model":"bash","system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}},{"type":"text","text":"Be kind."}],
            "stop_sequences":["END"],"temperature":0.5,"top_k":3,"top_p":0.25,"metadata":{"user_id":"u"},
            "thinking":{"type":"enabled","budget_tokens":1024},"output_config":{"effort":"low","format":{"type":"json_schema","schema":{"type":"object"}}},
            "tool_choice":{"type":"any","disable_parallel_tool_use":true},"service_tier":"auto",\(Self.tools)
            """
        let answer = await api.send("POST", "/v1/messages?beta=true", Self.body(fields))
        #expect(answer.status == 200, "\(answer.text)")
        let request = try #require(api.backend.requests.first)
        guard case .chat(let messages, let tools) = request.prompt else {
            Issue.record("not a chat")
            return
        }
        #expect(
            messages == [ChatMessage(role: "system", content: "Be brief.\nBe kind."), ChatMessage(role: "user", content: "some bash please")])
        #expect(tools.map(\.name) == ["add", "now"] && tools.map(\.isStrict) == [true, false] && tools[0].description == "Adds")
        #expect(tools[0].definition["function"]?["parameters"]?["properties"]?["a"]?["type"] == "integer")
        #expect(request.toolChoice == ToolChoice(.required, isParallel: false))
        #expect(request.stop == ["END"] && request.maxTokens == 16 && request.adapter == "bash")
        #expect(request.sampling.temperature == 0.5 && request.sampling.topK == 3 && request.sampling.topP == 0.25)
        #expect(request.rendering.variables == ["enable_thinking": true, "reasoning_effort": "low"])
        #expect(request.format == AnswerFormat(.jsonSchema(AnswerSchema(["type": "object"], isStrict: true)), field: "output_config.format.schema"))
    }

    @LoopActor @Test func resultsOfToolsAreTurnsOfTheirOwn() async throws {
        let api = TestAPI()
        let body = """
            {"model":"base","max_tokens":100000,"messages":[{"role":"user","content":"add"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":""},{"type":"text","text":"Well:"},
            {"type":"tool_use","id":"toolu_1","name":"add","input":{"a":1}},{"type":"tool_use","id":"toolu_2","name":"now","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"3"},
            {"type":"tool_result","tool_use_id":"toolu_2","is_error":true,"content":[{"type":"text","text":"no clock"}]},
            {"type":"text","text":"go on"}]}]}
            """
        #expect(await post(body, api).status == 200)
        guard case .chat(let messages, _)? = api.backend.requests.first?.prompt else {
            Issue.record("not a chat")
            return
        }
        #expect(
            messages.dropFirst() == [
                ChatMessage(
                    role: "assistant", content: "Well:", reasoning: "x",
                    toolCalls: [ToolCall(id: "toolu_1", name: "add", arguments: ["a": 1]), ToolCall(id: "toolu_2", name: "now", arguments: [:])]),
                ChatMessage(role: "tool", content: "3", toolCallID: "toolu_1"),
                ChatMessage(role: "tool", content: "no clock", toolCallID: "toolu_2"), ChatMessage(role: "user", content: "go on"),
            ])
        #expect(api.backend.requests.first?.maxTokens == nil, "more than the context holds is as much as fits")
    }

    @LoopActor @Test func theLastTurnOfTheAssistantGoesOn() async throws {
        let api = TestAPI()
        let body = "{\"model\":\"base\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"{\"}]}"
        #expect(await post(body, api).status == 200)
        #expect(api.backend.requests.first?.rendering.continuesFinalMessage == true)
        #expect(api.backend.requests.first?.rendering.asksForAnswer == false)
        for form in ["\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}", "\"tool_choice\":{\"type\":\"any\"},\(Self.tools)",
            "\"tool_choice\":{\"type\":\"tool\",\"name\":\"now\"},\(Self.tools)"]
        {
            let refused = await post("\(body.dropLast()),\(form)}", api)
            #expect(refused.status == 400)
            let error = try refused.json()
            #expect(error.error("type") == "invalid_request_error")
            #expect(error.error("message")?.stringValue?.contains("`messages[1]`") == true, "\(refused.text)")
        }
        #expect(await post("\(body.dropLast()),\"tool_choice\":{\"type\":\"auto\"},\(Self.tools)}", api).status == 200)
    }

    @LoopActor @Test(arguments: [
        ("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "max_tokens"), ("{\"max_tokens\":9}", "messages"),
        ("{\"max_tokens\":0,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "max_tokens"), ("{\"max_tokens\":9,\"messages\":[]}", "messages"),
        ("{\"max_tokens\":9,\"messages\":[{\"role\":\"robot\",\"content\":\"x\"}]}", "messages[0].role"),
        (body("\"temprature\":1"), "`temprature`: unknown field; it is not one of Anthropic's and"),
        (body("\"output_config\":{\"formt\":{}}"), "output_config.formt"), (body("\"output_config\":7"), "output_config"),
        (body("\"output_config\":{\"format\":{\"type\":\"json_schema\",\"shema\":{}}}"), "output_config.format.shema"),
        (body("\"thinking\":{\"type\":\"enabled\",\"budget\":9}"), "thinking.budget"),
        (body("\"model\":\"nope\""), "nope"), (body("\"tools\":[{\"name\":\"f\"}]"), "tools[0].input_schema"),
        (body("\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"w\"}]"), "tools[0].type"),
        (body("\"tools\":[{\"name\":\"f\",\"input_schema\":{}},{\"name\":\"f\",\"input_schema\":{}}]"), "tools[1]"),
        (body("\"tool_choice\":{\"type\":\"any\"}"), "tool_choice"), (body("\"tool_choice\":{\"type\":\"tool\",\"name\":\"g\"},\(tools)"), "`g`"),
        (body("\"tool_choice\":{\"type\":\"maybe\"}"), "tool_choice.type"), (body("\"thinking\":{\"type\":\"hard\"}"), "thinking.type"),
        (body("\"output_config\":{\"format\":{\"type\":\"xml\"}}"), "output_config.format.type"),
        (body("\"mcp_servers\":[{\"url\":\"x\"}]"), "mcp_servers"), (body("\"stop_sequences\":[\"\"]"), "stop_sequences[0]"),
        (body(content: "[{\"type\":\"image\",\"source\":{}}]"), "messages[0].content[0].type"),
        (body(content: "[{\"type\":\"tool_result\",\"content\":\"x\"}]"), "messages[0].content[0].tool_use_id"),
        (body(content: "[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":\"document\"}]}]"), "messages[0].content[0].content[0].type"),
        (body(content: "7"), "messages[0].content"), ("[]", "object"),
    ])
    func aBadFieldIsNamed(body: String, place: String) async throws {
        let answer = await post(body, TestAPI())
        #expect(answer.status == 400 || place == "nope" && answer.status == 404)
        let error = try answer.json()
        #expect(error.error("message")?.stringValue?.contains(place) == true, "\(answer.text)")
        #expect(error["type"] == "error")
    }

    @LoopActor @Test func theSequenceThatEndedTheAnswerIsNamed() async throws {
        let api = TestAPI { _, stream in
            stream.send(StreamTests.started)
            stream.send(.delta(text: "Hel", logprobs: []))
            stream.send(.finished(.stop, .init(promptTokens: 1, cachedTokens: 0, completionTokens: 1, stopString: "END"), .init()))
        }
        let fields = "\"model\":\"base\",\"stop_sequences\":[\"END\"]"
        let whole = try await post(Self.body(fields), api).json()
        #expect(whole["stop_reason"] == "stop_sequence" && whole["stop_sequence"] == "END")
        let events = try await post(Self.body("\(fields),\"stream\":true"), api).namedEvents()
        #expect(events.first { $0.name == "message_delta" }?.data["delta"] == ["stop_reason": "stop_sequence", "stop_sequence": "END"])
    }

    @LoopActor @Test func toolsThatMayNotBeCalledAreLeftOut() async throws {
        let api = TestAPI()
        _ = await post(Self.body("\"model\":\"base\",\"tool_choice\":{\"type\":\"none\"},\(Self.tools)"), api)
        guard case .chat(_, let tools)? = api.backend.requests.first?.prompt else {
            Issue.record("not a chat")
            return
        }
        #expect(tools.isEmpty && api.backend.requests.first?.toolChoice.mode == ToolChoice.Mode.none)
    }

    @LoopActor @Test func tokensAreCountedWithoutAnAnswer() async throws {
        let api = TestAPI()
        let body = "{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"some bash\"}],\"system\":\"s\",\(Self.tools)}"
        let answer = await api.send("POST", "/v1/messages/count_tokens", body)
        #expect(answer.text == "{\"input_tokens\":5}")
        #expect(api.backend.requests.map(\.adapter) == ["bash"] && api.backend.openStreams.map(\.isCancelled) == [true])
        let failing = TestAPI(ScriptedBackend.failing(GenerationError(.contextLengthExceeded, "long")))
        #expect(await failing.send("POST", "/v1/messages/count_tokens", body).text == "{\"input_tokens\":35}", "a token a byte of its chat")
        #expect(failing.backend.requests.map(\.adapter) == ["bash", "bash"])
        let input = try await api.send("POST", "/v1/responses/input_tokens", "{\"model\":\"base\",\"input\":\"x\"}").json()
        #expect(input == ["object": "response.input_tokens", "input_tokens": 5])
    }

    @LoopActor @Test func aPromptThatIsTooLongIsAnthropicsError() async throws {
        for (tokens, most, message) in [
            (2048, 1, "prompt is too long: 2048 tokens > 2047 maximum"), (2047, 1, "long"),
            (2047, 2, "input length and `max_tokens` exceed context limit: 2047 + 2 > 2048, decrease input length or `max_tokens` and try again"),
        ] {
            let api = TestAPI(ScriptedBackend.failing(GenerationError(.contextLengthExceeded, "long")))
            let text = String(repeating: "a", count: tokens - "[user][assistant]".count)
            let body = "{\"model\":\"base\",\"max_tokens\":\(most),\"messages\":[{\"role\":\"user\",\"content\":\"\(text)\"}]}"
            let answer = await post(body, api)
            #expect(answer.status == 400)
            let error = try answer.json()
            #expect(error.error("type") == "invalid_request_error" && error.error("message") == .string(message))
        }
    }

    @LoopActor @Test func itsClientsListModelsInItsShape() async throws {
        let api = TestAPI()
        let version: HTTPHeaders = ["anthropic-version": "2023-06-01"]
        let list = try await api.send("GET", "/v1/models?limit=2", headers: version).json()
        #expect(list["data"]?.arrayValue?.map { $0["id"] } == ["smol", "bash"] && list["has_more"] == true && list["last_id"] == "bash")
        #expect(list["data"]?[0]?["type"] == "model" && list["data"]?[0]?["created_at"] == "1970-01-01T00:01:40Z")
        let rest = try await api.send("GET", "/v1/models?after_id=bash", headers: version).json()
        #expect(rest["data"]?.arrayValue?.map { $0["id"] } == ["sql", "auto"] && rest["has_more"] == false)
        let before = try await api.send("GET", "/v1/models?before_id=sql&limit=1", headers: version).json()
        #expect(before["data"]?.arrayValue?.map { $0["id"] } == ["bash"] && before["has_more"] == true)
        #expect(try await api.send("GET", "/v1/models/sql", headers: version).json()["type"] == "model")
        let unknown = await api.send("GET", "/v1/models/nope", headers: version)
        #expect(unknown.status == 404)
        #expect(try unknown.json().error("type") == "not_found_error")
        #expect(await api.send("GET", "/v1/models?limit=0", headers: version).status == 400)
        #expect(await api.send("GET", "/v1/models?after_id=nope", headers: version).status == 400)
        #expect(try await api.send("GET", "/v1/models").json()["object"] == "list")
    }
}
