import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite("Tools")
struct ToolTests {
    private static let tools = #""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},{"type":"function","function":{"name":"g"}}]"#

    /// Text, thinking and two calls.
    private static let calling: ScriptedBackend.Script = { request, stream in
        var start = GenerationStart(adapter: request.adapter, adapterVersion: nil, promptTokens: 5, cachedTokens: 0)
        start.toolPrompt = .generic
        stream.send(.started(start))
        stream.send(.reasoning(text: "hm", logprobs: []))
        stream.send(.delta(text: "Let me look.", logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 0, id: "call_a", name: "f"), logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 0, arguments: "{\"a\":"), logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 0, arguments: " 1}"), logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 1, id: "call_b", name: "g"), logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 1, arguments: "{}"), logprobs: []))
        stream.send(.finished(.toolCalls, .init(promptTokens: 5, cachedTokens: 0, completionTokens: 9), GenerationTimings()))
    }

    private static let onlyCalling: ScriptedBackend.Script = { request, stream in
        stream.send(.started(.init(adapter: request.adapter, adapterVersion: nil, promptTokens: 5, cachedTokens: 0)))
        stream.send(.toolCall(ToolCallPart(index: 0, id: "call_a", name: "f"), logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 0, arguments: "{}"), logprobs: []))
        stream.send(.finished(.toolCalls, .init(promptTokens: 5, cachedTokens: 0, completionTokens: 9), GenerationTimings()))
    }

    @LoopActor @Test("a whole answer has its text, its thinking and its calls, and says how the model was told of the functions")
    func whole() async throws {
        let answer = try await TestAPI(Self.calling).chat(Self.tools).json()
        let choice = answer["choices"]?[0]
        #expect(
            choice?["message"]?.serialized() == """
                {"role":"assistant","content":"Let me look.","refusal":null,"reasoning_content":"hm","reasoning":"hm",\
                "tool_calls":[{"id":"call_a","type":"function","function":{"name":"f","arguments":"{\\"a\\": 1}"}},\
                {"id":"call_b","type":"function","function":{"name":"g","arguments":"{}"}}]}
                """)
        #expect(choice?["finish_reason"] == "tool_calls")
        #expect(answer["lmoe"]?["tool_prompt"] == "generic")
        let bare = try await TestAPI(Self.onlyCalling).chat(Self.tools).json()
        #expect(bare["choices"]?[0]?["message"]?["content"] == .null)
        #expect(bare["lmoe"]?["tool_prompt"] == nil)
    }

    @LoopActor @Test("a stream has the role, thinking, text, and for each call its name and then pieces of its arguments")
    func stream() async throws {
        let answer = await TestAPI(Self.calling).chat("\(Self.tools),\"stream\":true,\"stream_options\":{\"include_usage\":true}")
        let deltas = try answer.eventValues().compactMap { $0["choices"]?[0]?["delta"]?.serialized() }
        #expect(
            deltas == [
                #"{"role":"assistant","content":""}"#, #"{"reasoning_content":"hm","reasoning":"hm"}"#, #"{"content":"Let me look."}"#,
                #"{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"f","arguments":""}}]}"#,
                #"{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":"}}]}"#,
                #"{"tool_calls":[{"index":0,"function":{"arguments":" 1}"}}]}"#,
                #"{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"g","arguments":""}}]}"#,
                #"{"tool_calls":[{"index":1,"function":{"arguments":"{}"}}]}"#, "{}",
            ])
        let reasons = try answer.eventValues().compactMap { $0["choices"]?[0]?["finish_reason"] }
        #expect(reasons.last == "tool_calls" && reasons.dropLast().allSatisfy { $0 == .null })
        #expect(try answer.eventValues().last?["choices"] == [] && answer.events.last == "[DONE]")
    }

    @LoopActor @Test("clients of the older fields get the older form, whole and as a stream")
    func legacy() async throws {
        let functions = #""functions":[{"name":"f","parameters":{}}],"function_call":{"name":"f"}"#
        let api = TestAPI(Self.onlyCalling)
        let choice = try await api.chat(functions).json()["choices"]?[0]
        #expect(choice?["message"]?["function_call"] == ["name": "f", "arguments": "{}"])
        #expect(choice?["message"]?["tool_calls"] == nil)
        #expect(choice?["finish_reason"] == "function_call")
        #expect(api.backend.requests.first?.toolChoice == ToolChoice(.named("f"), isParallel: false))
        let deltas = try await api.chat("\(functions),\"stream\":true").eventValues().compactMap { $0["choices"]?[0]?["delta"]?["function_call"] }
        #expect(deltas == [["name": "f", "arguments": ""], ["arguments": "{}"]])
    }

    @LoopActor @Test("choices reach the backend", arguments: [
        ("", ToolChoice()), (#","tool_choice":"auto""#, ToolChoice()), (#","tool_choice":null"#, ToolChoice()),
        (#","tool_choice":"required","parallel_tool_calls":false"#, ToolChoice(.required, isParallel: false)),
        (#","tool_choice":{"type":"function","function":{"name":"g"}}"#, ToolChoice(.named("g"))),
        (
            #","tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"g"}}]}}"#,
            ToolChoice(.required, allowed: ["g"])
        ), (#","tool_choice":"none""#, ToolChoice(.none)),
    ])
    func choices(field: String, expected: ToolChoice) async throws {
        let api = TestAPI()
        let answer = await api.chat(Self.tools + field)
        #expect(answer.status == 200, "\(answer.text)")
        let request = try #require(api.backend.requests.first)
        #expect(request.toolChoice == expected)
        guard case .chat(_, let tools) = request.prompt else { return #expect(Bool(false), "not a chat") }
        #expect(tools.map(\.name) == (expected.mode == .none ? [] : ["f", "g"]))
    }

    @LoopActor @Test("an empty list of tools is like none")
    func empty() async throws {
        let api = TestAPI()
        #expect(await api.chat(#""tools":[],"tool_choice":"auto""#).status == 200)
        #expect(await api.chat(#""tools":null,"tool_choice":"none""#).status == 200)
    }

    @LoopActor @Test("what cannot be is refused by name", arguments: [
        (#""tool_choice":"required""#, "tool_choice"), (#""tools":[],"tool_choice":{"type":"function","function":{"name":"f"}}"#, "tool_choice.function.name"),
        (tools + #","tool_choice":{"type":"function","function":{"name":"h"}}"#, "tool_choice.function.name"),
        (tools + #","tool_choice":"any""#, "tool_choice"), (tools + #","tool_choice":{"type":"custom"}"#, "tool_choice.type"),
        (tools + #","tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}"#, "tool_choice.allowed_tools.tools"),
        (
            tools + #","tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"none","tools":[]}}"#, "tool_choice.allowed_tools.mode"
        ), (#""tools":[{"type":"custom","custom":{"name":"f"}}]"#, "tools[0].type"),
        (#""tools":[{"type":"function","function":{"name":"a b"}}]"#, "tools[0].function.name"),
        (#""tools":[{"type":"function","function":{"name":""}}]"#, "tools[0].function.name"),
        (#""tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}]"#, "tools[1].function.name"),
        (#""tools":[{"type":"function","function":{"name":"f","parameters":[]}}]"#, "tools[0].function.parameters"),
        (#""functions":[{"name":"f"}],"function_call":"required""#, "function_call"),
        (#""functions":[{"name":"f"}],"function_call":{"name":"g"}"#, "function_call.name"),
        (tools + #","parallel_tool_calls":1"#, "parallel_tool_calls"), (#""reasoning_effort":"lots""#, "reasoning_effort"),
        (#""chat_template_kwargs":[]"#, "chat_template_kwargs"), (#""chat_template_kwargs":{"messages":[]}"#, "chat_template_kwargs.messages"),
        (#""add_generation_prompt":true,"continue_final_message":true"#, "continue_final_message"),
    ])
    func refusals(fields: String, param: String) async throws {
        let answer = await TestAPI().chat(fields)
        #expect(answer.status == 400, "\(answer.text)")
        #expect(try answer.json().error("param")?.stringValue == param, "\(answer.text)")
    }

    @LoopActor @Test("more functions or variables than the limits allow are refused")
    func limits() async throws {
        let functions = (0...128).map { #"{"type":"function","function":{"name":"f\#($0)"}}"# }
        #expect(await TestAPI().chat("\"tools\":[\(functions.dropLast().joined(separator: ","))]").status == 200)
        let answer = await TestAPI().chat("\"tools\":[\(functions.joined(separator: ","))]")
        #expect(try answer.status == 400 && answer.json().error("param") == "tools")
        let variables = (0...64).map { "\"v\($0)\":1" }
        #expect(await TestAPI().chat("\"chat_template_kwargs\":{\(variables.dropLast().joined(separator: ","))}").status == 200)
        #expect(await TestAPI().chat("\"chat_template_kwargs\":{\(variables.joined(separator: ","))}").status == 400)
    }

    @LoopActor @Test("thinking, the prompt's end and the template's variables are the request's")
    func rendering() async throws {
        let api = TestAPI()
        _ = await api.chat(#""reasoning_effort":"none""#)
        _ = await api.chat(#""reasoning_effort":"high","chat_template_kwargs":{"enable_thinking":false,"x":[1]}"#)
        _ = await api.chat(#""continue_final_message":true"#)
        _ = await api.chat(#""add_generation_prompt":false"#)
        _ = await api.chat(#""add_generation_prompt":true,"continue_final_message":false"#)
        let renderings = api.backend.requests.map(\.rendering)
        #expect(renderings[0].variables == ["enable_thinking": false, "reasoning_effort": "none"])
        #expect(renderings[1].variables == ["enable_thinking": false, "reasoning_effort": "high", "x": [1]])
        #expect(renderings[2].continuesFinalMessage && !renderings[2].asksForAnswer)
        #expect(!renderings[3].continuesFinalMessage && !renderings[3].asksForAnswer)
        #expect(!renderings[4].continuesFinalMessage && renderings[4].asksForAnswer)
        #expect(renderings.allSatisfy { $0.separatesReasoning })
    }

    @LoopActor @Test("an answer may come back as it was sent, with its thinking and what other servers add")
    func history() async throws {
        let api = TestAPI()
        let answer = await api.send(
            "POST", "/v1/chat/completions",
            """
            {"messages": [{"role": "user", "content": "hi", "cache_control": {"type": "ephemeral"}},
              {"role": "assistant", "content": null, "reasoning_content": "hm", "reasoning": "hm", "refusal": null, "annotations": [],
               "audio": null, "function_call": null, "tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{\\"x\\":1}"}}]},
              {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "1"}]},
              {"role": "tool", "tool_call_id": "unknown", "content": "2"},
              {"role": "assistant", "reasoning": "so"}]}
            """)
        #expect(answer.status == 200, "\(answer.text)")
        guard case .chat(let messages, _)? = api.backend.requests.first?.prompt else { return #expect(Bool(false), "not a chat") }
        #expect(messages.map(\.reasoning) == [nil, "hm", nil, nil, "so"])
        #expect(messages[1].toolCalls == [ToolCall(id: "a", name: "f", arguments: ["x": 1])])
        #expect(messages[2].content == "1" && messages[4].content == "")
    }
}
