import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct ChatTests {
    @LoopActor @Test func theWholeAnswerIsThis() async throws {
        let api = TestAPI()
        let answer = await api.send(
            "POST", "/v1/chat/completions",
            "{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"some bash please\"}]}",
            headers: ["x-request-id": "mine-1"])
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "application/json")
        #expect(answer.headers["x-request-id"] == "mine-1")
        #expect(answer.headers["x-lmoe-adapter"] == "bash")
        #expect(answer.headers["x-lmoe-route"] == "matched")
        #expect(answer.headers["x-lmoe-probability"] == "0.9375")
        #expect(answer.headers["openai-processing-ms"].flatMap { Int($0) } != nil)
        let expected = """
            {"id":"chatcmpl-ID","object":"chat.completion","created":1700000000,"model":"bash",\
            "choices":[{"index":0,"message":{"role":"assistant","content":"Hello","refusal":null},"logprobs":null,\
            "finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7,\
            "prompt_tokens_details":{"cached_tokens":2}},"lmoe":{"adapter":"bash","version":"v-bash","route":"matched",\
            "probability":0.9375,"timings_ms":{"queue":1.0,"route":1.5,"load":2.0,"prefill":3.0,"decode":4.0}}}
            """
        let id = try #require(answer.json()["id"]?.stringValue)
        #expect(id.count == "chatcmpl-".count + 24)
        #expect(answer.text.replacing(id, with: "chatcmpl-ID") == expected)
    }

    @LoopActor @Test func aStreamSendsTheRoleThenTextThenTheReasonThenUsage() async throws {
        let api = TestAPI()
        let answer = await api.chat("\"model\":\"sql\",\"stream\":true,\"stream_options\":{\"include_usage\":true}")
        #expect(answer.status == 200)
        #expect(answer.headers["Content-Type"] == "text/event-stream")
        #expect(answer.headers["x-lmoe-route"] == "explicit")
        #expect(answer.headers["x-lmoe-probability"] == nil)
        let id = try #require(try answer.eventValues().first?["id"]?.stringValue)
        let head = "{\"id\":\"\(id)\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"sql\","
        func choice(_ delta: String, _ reason: String = "null") -> String {
            "\"choices\":[{\"index\":0,\"delta\":\(delta),\"logprobs\":null,\"finish_reason\":\(reason)}],\"usage\":null"
        }
        #expect(
            answer.events == [
                head + choice("{\"role\":\"assistant\",\"content\":\"\"}")
                    + ",\"lmoe\":{\"adapter\":\"sql\",\"version\":\"v-sql\",\"route\":\"explicit\",\"probability\":null,"
                    + "\"timings_ms\":{\"route\":0.0}}}",
                head + choice("{\"content\":\"Hel\"}") + "}",
                head + choice("{\"content\":\"lo\"}") + "}",
                head + choice("{}", "\"stop\"")
                    + ",\"lmoe\":{\"timings_ms\":{\"queue\":1.0,\"route\":0.0,\"load\":2.0,\"prefill\":3.0,\"decode\":4.0}}}",
                head + "\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7,"
                    + "\"prompt_tokens_details\":{\"cached_tokens\":2}}}",
                "[DONE]",
            ])
    }

    @LoopActor @Test func withoutUsageNoChunkSpeaksOfIt() async throws {
        let answer = await TestAPI().chat("\"model\":\"base\",\"stream\":true")
        #expect(answer.events.last == "[DONE]")
        #expect(!answer.text.contains("\"usage\""))
    }

    @LoopActor @Test func choicesAreSequencesWithSeedsOfTheirOwn() async throws {
        let api = TestAPI()
        let answer = try await api.chat("\"n\":3,\"seed\":41,\"temperature\":0.5").json()
        #expect(answer["choices"]?.arrayValue?.compactMap { $0["index"]?.intValue } == [0, 1, 2])
        #expect(answer["usage"]?["prompt_tokens"] == 5)
        #expect(answer["usage"]?["completion_tokens"] == 6)
        #expect(api.backend.requests.map(\.sampling.seed) == [41, 42, 43])
        #expect(Set(api.backend.requests.map(\.id)).count == 3)
    }

    @LoopActor @Test func choicesOfAStreamEachBeginAndEnd() async throws {
        let answer = await TestAPI().chat("\"n\":2,\"stream\":true")
        for choice in 0..<2 {
            let own = try answer.eventValues().compactMap { $0["choices"]?[0] }.filter { $0["index"]?.intValue == choice }
            #expect(own.first?["delta"]?["role"] == "assistant")
            #expect(own.compactMap { $0["delta"]?["content"]?.stringValue }.joined() == "Hello")
            #expect(own.last?["finish_reason"] == "stop")
            #expect(own.dropLast().allSatisfy { $0["finish_reason"] == .null })
        }
        #expect(answer.events.last == "[DONE]")
    }

    @LoopActor @Test func logprobsHaveTokensAndBytes() async throws {
        let api = TestAPI()
        let answer = try await api.chat("\"logprobs\":true,\"top_logprobs\":2").json()
        #expect(api.backend.requests[0].topLogprobs == 2)
        let expected = """
            {"content":[{"token":"Hel","logprob":-0.5,"bytes":[72,101,108],"top_logprobs":[\
            {"token":"Hel","logprob":-0.5,"bytes":[72,101,108]},{"token":"Hi","logprob":-1.5,"bytes":[72,105]}]},\
            {"token":"lo","logprob":-0.25,"bytes":[108,111],"top_logprobs":[\
            {"token":"lo","logprob":-0.25,"bytes":[108,111]},{"token":"p","logprob":-2.0,"bytes":[112]}]}],"refusal":null}
            """
        #expect(answer["choices"]?[0]?["logprobs"]?.serialized() == expected)
    }

    @LoopActor @Test func everyFieldReachesTheBackend() async throws {
        let api = TestAPI()
        let answer = await api.send(
            "POST", "/v1/chat/completions",
            """
            {"model": "base", "messages": [
              {"role": "developer", "content": "be brief"},
              {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "ann"},
              {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
              {"role": "tool", "tool_call_id": "c1", "content": "42"}],
             "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "presence_penalty": 1, "frequency_penalty": -1,
             "repetition_penalty": 1.1, "logit_bias": {"7": -100}, "seed": -1, "stop": ["x", "yz"], "max_tokens": 9,
             "max_completion_tokens": 8, "ignore_eos": true, "user": "u", "response_format": {"type": "text"},
             "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto", "store": false,
             "metadata": {}, "parallel_tool_calls": true, "reasoning_effort": "low", "service_tier": "auto"}
            """)
        #expect(answer.status == 200, "\(answer.text)")
        let request = try #require(api.backend.requests.first)
        guard case .chat(let messages, let tools) = request.prompt else { return #expect(Bool(false), "not a chat") }
        #expect(messages.map(\.role) == ["system", "user", "assistant", "tool"])
        #expect(messages.map(\.content) == ["be brief", "a\nb", "", "42"])
        #expect(messages[2].toolCalls == [ToolCall(id: "c1", name: "f", arguments: [:])])
        #expect(messages[3].toolCallID == "c1")
        #expect(tools == [ToolFunction(name: "f")])
        var sampling = SamplingParameters()
        sampling.temperature = 0.5
        sampling.topP = 0.9
        sampling.topK = 40
        sampling.minP = 0.05
        sampling.presencePenalty = 1
        sampling.frequencyPenalty = -1
        sampling.repetitionPenalty = 1.1
        sampling.logitBias = [7: -100]
        sampling.seed = UInt64.max
        #expect(request.sampling == sampling)
        #expect(request.stop == ["x", "yz"])
        #expect(request.maxTokens == 8)
        #expect(request.ignoreEndOfSequence)
        #expect(request.adapter == nil)
    }

    @LoopActor @Test("a function that returns nothing is an empty text", arguments: [
        #"{"role":"function","name":"f","content":null}"#, #"{"role":"tool","tool_call_id":"a","content":null}"#,
        #"{"role":"tool","tool_call_id":"a"}"#, #"{"role":"function","name":"f"}"#, #"{"role":"tool","tool_call_id":"a","content":[]}"#,
    ])
    func emptyResults(message: String) async throws {
        let api = TestAPI()
        let answer = await api.send("POST", "/v1/chat/completions", #"{"model":"base","messages":[{"role":"user","content":"hi"},\#(message)]}"#)
        #expect(answer.status == 200, "\(answer.text)")
        guard case .chat(let messages, _)? = api.backend.requests.first?.prompt else { return #expect(Bool(false), "not a chat") }
        #expect(messages.last == ChatMessage(role: "tool", content: "", name: messages.last?.name, toolCallID: messages.last?.toolCallID))
        let user = await api.send("POST", "/v1/chat/completions", #"{"model":"base","messages":[{"role":"user","content":null}]}"#)
        #expect(user.status == 400)
    }

    @LoopActor @Test func toolChoiceNoneLeavesTheToolsOut() async throws {
        let api = TestAPI()
        _ = await api.chat("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],\"tool_choice\":\"none\"")
        guard case .chat(_, let tools)? = api.backend.requests.first?.prompt else { return #expect(Bool(false)) }
        #expect(tools.isEmpty)
    }

    @LoopActor @Test func recordsSayWhatHappenedWithoutThePrompt() async throws {
        let api = TestAPI()
        _ = await api.chat("\"model\":\"sql\",\"stream\":true")
        let record = try #require(api.records.first)
        #expect(api.records.count == 1)
        #expect(record.status == 200)
        #expect(record.isStream)
        #expect(record.endpoint == "/v1/chat/completions")
        #expect(record.decisions.map { $0?.adapter } == ["sql"])
        #expect(record.decisions.map { $0?.route } == [.explicit])
        #expect(record.usage == .init(promptTokens: 5, cachedTokens: 2, completionTokens: 2))
        #expect(record.firstTextMilliseconds != nil)
        #expect(record.finishReasons == [.stop])
    }
}
