import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct ResponsesTests {
    private static let tools =
        "\"tools\":[{\"type\":\"function\",\"name\":\"add\",\"description\":\"Adds\",\"parameters\":{\"type\":\"object\"},\"strict\":true},{\"type\":\"function\",\"name\":\"now\"}]"

    @LoopActor private func post(_ fields: String, _ api: TestAPI, headers: HTTPHeaders = [:]) async -> HTTPResponseRecorder {
        await api.send("POST", "/v1/responses", "{\(fields)}", headers: headers)
    }

    @LoopActor @Test func theWholeAnswerIsThis() async throws {
        let answer = await post("\"model\":\"auto\",\"input\":\"some bash please\",\"metadata\":{\"a\":\"b\"}", TestAPI())
        #expect(answer.status == 200 && answer.headers["x-lmoe-adapter"] == "bash")
        let id = try #require(answer.json()["id"]?.stringValue)
        #expect(id.hasPrefix("resp_") && id.count == 29)
        let expected = """
            {"id":"resp_ID","object":"response","created_at":1700000000,"status":"completed","error":null,"incomplete_details":null,\
            "model":"bash","output":[{"id":"msg_ID0","type":"message","status":"completed","role":"assistant",\
            "content":[{"type":"output_text","text":"Hello","annotations":[],"logprobs":[]}]}],"background":false,"instructions":null,\
            "max_output_tokens":null,"max_tool_calls":null,"metadata":{"a":"b"},"parallel_tool_calls":true,"previous_response_id":null,\
            "prompt_cache_key":null,"reasoning":{"effort":null,"summary":null},"safety_identifier":null,"service_tier":"default","store":true,\
            "temperature":1.0,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1.0,\
            "truncation":"disabled","user":null,"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":2,"cache_write_tokens":0},\
            "output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":7},"lmoe":{"adapter":"bash","version":"v-bash",\
            "route":"matched","probability":0.9375,"timings_ms":{"queue":1.0,"route":1.5,"load":2.0,"prefill":3.0,"decode":4.0}}}
            """
        #expect(answer.text.replacing(id.dropFirst(5), with: "ID") == expected)
    }

    @LoopActor @Test func whatItThinksSaysAndCallsAreItems() async throws {
        let answer = try await post("\"model\":\"base\",\"input\":\"x\",\(Self.tools)", TestAPI(ScriptedBackend.everything)).json()
        let output = answer["output"]?.arrayValue ?? []
        #expect(output.map { $0["type"] } == ["reasoning", "message", "function_call", "function_call"])
        #expect(output[0]["summary"] == [["type": "summary_text", "text": "Let me think."]])
        #expect(output[2]["call_id"] == "call_abc" && output[2]["name"] == "add" && output[2]["arguments"] == "{\"a\": 1, \"b\": 2}")
        #expect(output[3]["arguments"] == "{}" && output[3]["status"] == "completed" && answer["status"] == "completed")
        #expect(answer["tools"]?[1] == ["type": "function", "name": "now", "parameters": nil, "strict": nil])
        #expect(Set(output.compactMap { $0["id"]?.stringValue }).count == 4)

        let short = try await post("\"model\":\"base\",\"input\":\"x\",\"max_output_tokens\":1", TestAPI(ScriptedBackend.cut)).json()
        #expect(short["status"] == "incomplete" && short["incomplete_details"] == ["reason": "max_output_tokens"])
        #expect(short["output"]?[0]?["status"] == "incomplete" && short["max_output_tokens"] == 1)
        let silent = try await post("\"model\":\"base\",\"input\":\"x\"", TestAPI(ScriptedBackend.silent)).json()
        #expect(silent["output"]?[0]?["content"]?[0]?["text"] == "")
    }

    @LoopActor @Test func aStreamHasNumberedEventsInOrder() async throws {
        let api = TestAPI(ScriptedBackend.everything)
        let answer = await post("\"model\":\"base\",\"input\":\"x\",\"stream\":true,\(Self.tools)", api)
        #expect(answer.headers["Content-Type"] == "text/event-stream")
        let events = try answer.namedEvents()
        #expect(events.allSatisfy { $0.name == $0.data["type"]?.stringValue })
        #expect(events.map { $0.data["sequence_number"]?.intValue } == events.indices.map { $0 })
        let text = ["output_item.added", "content_part.added", "output_text.delta", "output_text.delta", "output_text.done", "content_part.done", "output_item.done"]
        let reasoning = ["output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta", "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"]
        func call(_ deltas: Int) -> [String] {
            ["output_item.added"] + Array(repeating: "function_call_arguments.delta", count: deltas) + ["function_call_arguments.done", "output_item.done"]
        }
        #expect(
            events.map { String($0.name.dropFirst("response.".count)) }
                == ["created", "in_progress"] + reasoning + text + call(2) + call(1) + ["completed"])
        #expect(events[0].data["response"]?["status"] == "in_progress" && events[0].data["response"]?["output"] == [])
        let delta = try #require(events.first { $0.name == "response.output_text.delta" }?.data)
        #expect(delta["output_index"] == 1 && delta["content_index"] == 0 && delta["delta"] == "I shall " && delta["logprobs"] == [])
        let done = try #require(events.first { $0.name == "response.function_call_arguments.done" }?.data)
        #expect(done["name"] == "add" && done["arguments"] == "{\"a\": 1, \"b\": 2}" && done["output_index"] == 2)
        // Items keep their identities, and the last event has all of them.
        let items = events.filter { $0.name == "response.output_item.done" }.compactMap { $0.data["item"] }
        let added = events.filter { $0.name == "response.output_item.added" }.map { $0.data["item"]?["id"] }
        #expect(items.map { $0["id"] } == added)
        let last = try #require(events.last?.data["response"])
        #expect(last["output"] == .array(items) && last["status"] == "completed" && last["usage"]?["output_tokens"] == 20)
        let id = try #require(last["id"]?.stringValue)
        #expect(try await api.send("GET", "/v1/responses/\(id)").json() == last)
    }

    @LoopActor @Test func endsAndErrorsOfStreamsAreEvents() async throws {
        let short = try await post("\"model\":\"base\",\"input\":\"x\",\"stream\":true", TestAPI(ScriptedBackend.cut)).namedEvents()
        #expect(short.last?.name == "response.incomplete" && short.last?.data["response"]?["incomplete_details"]?["reason"] == "max_output_tokens")
        #expect(short.last?.data["response"]?["output"]?[0]?["status"] == "incomplete")
        let silent = try await post("\"model\":\"base\",\"input\":\"x\",\"stream\":true", TestAPI(ScriptedBackend.silent)).namedEvents()
        #expect(silent.count == 8 && silent.last?.data["response"]?["output"]?[0]?["type"] == "message")
        let api = TestAPI(ScriptedBackend.broken)
        let failed = try await post("\"model\":\"base\",\"input\":\"x\",\"stream\":true", api).namedEvents()
        let response = try #require(failed.last?.data["response"])
        #expect(failed.last?.name == "response.failed" && response["status"] == "failed" && response["error"]?["code"] == "server_error")
        #expect(failed.last?.data["sequence_number"]?.intValue == failed.count - 1)
        #expect(api.records.map(\.failure) == ["broken"])
        let id = try #require(response["id"]?.stringValue)
        #expect(await api.send("GET", "/v1/responses/\(id)").status == 404)
        let full = TestAPI(ScriptedBackend.failing(GenerationError(.overloaded, "full")))
        #expect(await post("\"model\":\"base\",\"input\":\"x\",\"stream\":true", full).status == 429)
    }

    @LoopActor @Test func whatIsNotWholeWhenTheServerStopsIsAFailedResponse() async throws {
        let api = TestAPI { _, stream in stream.send(StreamTests.started) }
        let recorder = HTTPResponseRecorder()
        let body = Array("{\"model\":\"base\",\"input\":\"x\",\"stream\":true}".utf8)
        api.service.handle(HTTPRequest(method: "POST", target: "/v1/responses", body: body), HTTPResponder(sink: recorder))
        while recorder.writes.isEmpty { await Task.yield() }
        api.service.endAll(APIError(.draining, "The server is stopping."))
        #expect(try recorder.namedEvents().last?.name == "response.failed")
        #expect(api.service.runningResponses.isEmpty)
    }

    @LoopActor @Test func logprobsStandBesideTheText() async throws {
        for field in ["\"top_logprobs\":2", "\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":2"] {
            let answer = try await post("\"model\":\"base\",\"input\":\"x\",\(field)", TestAPI()).json()
            let logprobs = answer["output"]?[0]?["content"]?[0]?["logprobs"]
            #expect(logprobs?[0]?["token"] == "Hel" && logprobs?[0]?["top_logprobs"]?.arrayValue?.count == 2)
        }
        let events = try await post("\"model\":\"base\",\"input\":\"x\",\"stream\":true,\"include\":[\"message.output_text.logprobs\"]", TestAPI()).namedEvents()
        #expect(events.filter { $0.name == "response.output_text.delta" }.map { $0.data["logprobs"]?[0]?["token"] } == ["Hel", "lo"])
    }

    @LoopActor @Test func theRequestReachesTheBackend() async throws {
        let api = TestAPI()
        let fields = """
            "model":"bash","instructions":"Be brief.","max_output_tokens":9,"temperature":0.5,"top_p":0.25,"parallel_tool_calls":false,
            "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"now"}]},"reasoning":{"effort":"none"},
            "text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true},"verbosity":"low"},"user":"u",
            "truncation":"auto","include":["reasoning.encrypted_content"],"store":false,\(Self.tools),
            "input":[{"role":"developer","content":"Kind."},{"role":"user","content":[{"type":"input_text","text":"add"}]},
            {"type":"reasoning","id":"rs_x","summary":[{"type":"summary_text","text":"Hm."}],"encrypted_content":"e"},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Well:","annotations":[]}]},
            {"type":"function_call","call_id":"c1","name":"add","arguments":"{\\"a\\":1}"},{"type":"function_call","id":"fc_x","call_id":"c2","name":"now","arguments":""},
            {"type":"function_call_output","call_id":"c1","output":"3"},{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"noon"}]},
            {"role":"assistant","content":"It is 3."},{"role":"user","content":"go on"}]
            """
        let answer = await post(fields, api)
        #expect(answer.status == 200, "\(answer.text)")
        let request = try #require(api.backend.requests.first)
        guard case .chat(let messages, let tools) = request.prompt else {
            Issue.record("not a chat")
            return
        }
        #expect(
            messages == [
                ChatMessage(role: "system", content: "Be brief."), ChatMessage(role: "system", content: "Kind."),
                ChatMessage(role: "user", content: "add"),
                ChatMessage(
                    role: "assistant", content: "Well:", reasoning: "Hm.",
                    toolCalls: [ToolCall(id: "c1", name: "add", arguments: ["a": 1]), ToolCall(id: "c2", name: "now", arguments: [:])]),
                ChatMessage(role: "tool", content: "3", toolCallID: "c1"), ChatMessage(role: "tool", content: "noon", toolCallID: "c2"),
                ChatMessage(role: "assistant", content: "It is 3."), ChatMessage(role: "user", content: "go on"),
            ])
        #expect(tools.map(\.name) == ["add", "now"] && tools.map(\.isStrict) == [true, false])
        #expect(request.toolChoice == ToolChoice(.required, allowed: ["now"], isParallel: false))
        #expect(request.truncation == PromptTruncation(tokens: nil))
        #expect(request.maxTokens == 9 && request.sampling.temperature == 0.5 && request.sampling.topP == 0.25)
        #expect(request.rendering.variables == ["reasoning_effort": "none", "enable_thinking": false])
        #expect(request.format == AnswerFormat(.jsonSchema(AnswerSchema(["type": "object"], name: "n", isStrict: true)), field: "text.format.schema"))
        let body = try answer.json()
        #expect(body["text"]?["verbosity"] == "low" && body["store"] == false && body["tool_choice"]?["mode"] == "required")
        #expect(await api.send("GET", "/v1/responses/\(body["id"]?.stringValue ?? "")").status == 404, "it was not to be stored")
    }

    @LoopActor @Test(arguments: [
        ("\"model\":\"base\"", "input"), ("\"input\":7", "input"), ("\"input\":\"x\",\"temprature\":1", "temprature"),
        ("\"input\":\"x\",\"background\":true", "background"), ("\"input\":\"x\",\"conversation\":\"c\"", "conversation"),
        ("\"input\":\"x\",\"prompt\":{\"id\":\"p\"}", "prompt"), ("\"input\":\"x\",\"truncation\":\"some\"", "truncation"),
        ("\"input\":\"x\",\"include\":[\"all\"]", "include[0]"), ("\"input\":\"x\",\"max_output_tokens\":0", "max_output_tokens"),
        ("\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"}]", "tools[0].type"),
        ("\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"function\",\"name\":\"f\"}]", "tools[1]"),
        ("\"input\":\"x\",\"tool_choice\":\"required\"", "tool_choice"), ("\"input\":\"x\",\"tool_choice\":\"maybe\"", "tool_choice"),
        ("\"input\":\"x\",\"tool_choice\":{\"type\":\"function\",\"name\":\"g\"},\(tools)", "tool_choice"),
        ("\"input\":\"x\",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[]},\(tools)", "tool_choice.tools"),
        ("\"input\":\"x\",\"tool_choice\":{\"type\":\"file_search\"}", "tool_choice.type"),
        ("\"input\":\"x\",\"text\":{\"format\":{\"type\":\"xml\"}}", "text.format.type"),
        ("\"input\":\"x\",\"text\":{\"formt\":{\"type\":\"json_object\"}}", "text.formt"), ("\"input\":\"x\",\"text\":\"json\"", "text"),
        ("\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"a\",\"shema\":{}}}", "text.format.shema"),
        ("\"input\":\"x\",\"reasoning\":{\"efort\":\"low\"}", "reasoning.efort"),
        ("\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}}", "text.format.name"),
        ("\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"a b\",\"schema\":{}}}", "text.format.name"),
        ("\"input\":[{\"type\":\"computer_call\"}]", "input[0].type"), ("\"input\":[{\"role\":\"robot\",\"content\":\"x\"}]", "input[0].role"),
        ("\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]", "input[0].content[0].type"),
        ("\"input\":[{\"type\":\"function_call\",\"name\":\"f\"}]", "input[0].call_id"),
        ("\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]", "input[0]"), ("\"input\":[{\"id\":\"msg_1\"}]", "input[0]"),
        ("\"input\":\"x\",\"previous_response_id\":\"resp_1\"", "previous_response_id"),
        ("\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[]}]", "input"),
    ])
    func aBadFieldIsNamed(fields: String, param: String) async throws {
        let answer = await post(fields, TestAPI())
        #expect(answer.status == 400)
        #expect(try answer.json().error("param") == .string(param), "\(answer.text)")
    }
}
