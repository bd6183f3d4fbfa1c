import Generation
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct CompletionTests {
    @LoopActor @Test func theWholeAnswerIsThis() async throws {
        let answer = await TestAPI().send(
            "POST", "/v1/completions", "{\"model\":\"smol\",\"prompt\":\"Say \",\"echo\":true}")
        let id = try #require(answer.json()["id"]?.stringValue)
        let expected = """
            {"id":"\(id)","object":"text_completion","created":1700000000,"model":"smol","choices":[\
            {"text":"Say Hello","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":5,\
            "completion_tokens":2,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":2}},"lmoe":{"adapter":null,\
            "version":null,"route":"explicit","probability":null,\
            "timings_ms":{"queue":1.0,"route":0.0,"load":2.0,"prefill":3.0,"decode":4.0}}}
            """
        #expect(answer.text == expected)
        #expect(answer.headers["x-lmoe-adapter"] == "base")
    }

    @LoopActor @Test func logprobsAreParallelListsWithOffsets() async throws {
        let answer = try await TestAPI().send("POST", "/v1/completions", "{\"prompt\":\"x\",\"logprobs\":2}").json()
        let expected = """
            {"tokens":["Hel","lo"],"token_logprobs":[-0.5,-0.25],"top_logprobs":[{"Hel":-0.5,"Hi":-1.5},\
            {"lo":-0.25,"p":-2.0}],"text_offset":[0,3]}
            """
        #expect(answer["choices"]?[0]?["logprobs"]?.serialized() == expected)
    }

    @LoopActor @Test func offsetsGoOnFromChunkToChunk() async throws {
        let answer = await TestAPI().send(
            "POST", "/v1/completions", "{\"prompt\":\"x\",\"logprobs\":0,\"stream\":true}")
        let offsets = try answer.eventValues().compactMap { $0["choices"]?[0]?["logprobs"]?["text_offset"]?[0]?.intValue }
        #expect(offsets == [0, 3])
    }

    @LoopActor @Test func anEchoIsTheFirstTextOfAStream() async throws {
        let answer = await TestAPI().send(
            "POST", "/v1/completions", "{\"prompt\":\"Say \",\"echo\":true,\"stream\":true}")
        let texts = try answer.eventValues().compactMap { $0["choices"]?[0]?["text"]?.stringValue }
        #expect(texts == ["Say ", "Hel", "lo", ""])
        #expect(answer.events.last == "[DONE]")
    }

    @LoopActor @Test func nothingComesBeforeTheFirstTokenAndItsChunkHasTheReport() async throws {
        let answer = await TestAPI().send("POST", "/v1/completions", "{\"model\":\"sql\",\"prompt\":\"Say\",\"stream\":true,\"n\":2}")
        let events = try answer.eventValues()
        #expect(events.map { $0["choices"]?[0]?["text"] } == ["Hel", "lo", "", "Hel", "lo", ""])
        #expect(events[0]["lmoe"]?["adapter"] == "sql" && events[0]["lmoe"]?["version"] == "v-sql")
        #expect(events[1]["lmoe"] == nil)
        #expect(events[2]["lmoe"]?["timings_ms"]?["decode"] == 4.0 && events[2]["lmoe"]?["adapter"] == nil)
        #expect(events[3]["lmoe"]?["adapter"] == "sql")
        let empty = TestAPI { _, stream in
            stream.send(.started(.init(adapter: nil, adapterVersion: nil, promptTokens: 1, cachedTokens: 0)))
            stream.send(.finished(.stop, .init(promptTokens: 1, cachedTokens: 0, completionTokens: 0), .init()))
        }
        let whole = try await empty.send("POST", "/v1/completions", "{\"model\":\"base\",\"prompt\":\"x\",\"stream\":true}").eventValues()
        #expect(whole.count == 1 && whole[0]["lmoe"]?["route"] == "explicit" && whole[0]["choices"]?[0]?["finish_reason"] == "stop")
    }

    @LoopActor @Test(arguments: ["/v1/completions", "/v1/chat/completions"]) func theUsageSoFarComesWithEachChunk(path: String) async throws {
        let options = "\"model\":\"base\",\"stream\":true,\"stream_options\":{\"include_usage\":true,\"continuous_usage_stats\":true}"
        let body = path == "/v1/completions" ? "{\"prompt\":\"x\",\(options)}" : TestAPI.chatBody(options)
        let events = try await TestAPI().send("POST", path, body).eventValues()
        let completed = events.suffix(4).map { $0["usage"]?["completion_tokens"] }
        #expect(completed == [1, 2, 2, 2])
        #expect(events.allSatisfy { $0["usage"]?["prompt_tokens"] == 5 })
        #expect(events.allSatisfy { ($0["choices"]?[0]?["logprobs"] ?? .null) == .null }, "log-probabilities that nothing wanted")
        let alone = try await TestAPI().send("POST", path, body.replacing("\"include_usage\":true,", with: "")).eventValues()
        #expect(alone.allSatisfy { $0["usage"] == nil })
    }

    @LoopActor @Test func promptsAreRoutedEachByItself() async throws {
        let api = TestAPI()
        let answer = await api.send(
            "POST", "/v1/completions", "{\"model\":\"auto\",\"prompt\":[\"bash\",\"rain\",\"sql\"],\"n\":2}")
        #expect(api.backend.requests.map(\.adapter) == ["bash", "bash", nil, nil, "sql", "sql"])
        #expect(answer.headers["x-lmoe-adapter"] == "bash, base, sql")
        #expect(answer.headers["x-lmoe-route"] == "matched, fallback, matched")
        let body = try answer.json()
        #expect(body["model"] == "auto")
        #expect(body["choices"]?.arrayValue?.count == 6)
        #expect(body["usage"]?["prompt_tokens"] == 15)
        #expect(body["usage"]?["completion_tokens"] == 12)
        #expect(body["lmoe"]?["prompts"]?.arrayValue?.map { $0["adapter"] } == ["bash", .null, "sql"])
    }

    @LoopActor @Test(arguments: [
        ("\"text\"", 1), ("[1, 2]", 1), ("[[1], [2, 3]]", 2), ("[\"a\", [4]]", 2),
    ])
    func promptsComeInFourShapes(prompt: String, count: Int) async throws {
        let api = TestAPI()
        let answer = await api.send("POST", "/v1/completions", "{\"model\":\"base\",\"prompt\":\(prompt)}")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(api.backend.requests.count == count)
        #expect(api.backend.requests[0].maxTokens == 16)
        if prompt == "[1, 2]" {
            guard case .tokens([1, 2]) = api.backend.requests[0].prompt else { return #expect(Bool(false)) }
        }
    }

    @Test func halfACharacterIsWrittenAsBytes() {
        let half = TokenLogprob.Alternative(token: 1, bytes: [0xF0, 0x9F], logprob: -.infinity)
        #expect(half.completionText == "bytes:\\xf0\\x9f")
        #expect(half.text == "\u{FFFD}")
        #expect(half.logprobJSON == .number(-9999))
    }
}
