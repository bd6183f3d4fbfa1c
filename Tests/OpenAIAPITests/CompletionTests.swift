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
