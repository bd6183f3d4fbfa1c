import Generation
import JSON
import Testing
import UV

@testable import OpenAIAPI

/// Log-probabilities of prompts, and the fields that concern single tokens.
@Suite struct LikelihoodTests {
    /// A prompt of three tokens, `<s>`, `Say` and ` é` in two halves, then what is scripted; the last token ends the answer.
    private static let scored: ScriptedBackend.Script = { request, stream in
        stream.send(.started(.init(adapter: nil, adapterVersion: nil, promptTokens: 4, cachedTokens: 0)))
        let prompt: [(Int32, [UInt8])] = [(1, Array("<s>".utf8)), (2, Array("Say".utf8)), (3, [0x20, 0xC3]), (4, [0xA9])]
        if request.reportsPrompt || request.promptLogprobs != nil {
            var report = PromptReport(tokens: prompt.map(\.0), bytes: prompt.map(\.1))
            if let top = request.promptLogprobs {
                report.logprobs = [nil] + prompt.dropFirst().map { token, bytes in
                    let best = ScriptedBackend.token(90 + token, "b\(token)", -0.25)
                    return TokenLogprob(
                        chosen: .init(token: token, bytes: bytes, logprob: -Float(token)), top: top > 0 ? [best] : [], rank: Int(token))
                }
            }
            stream.send(.prompt(report))
        }
        guard request.maxTokens != 0 else {
            return stream.send(.finished(.length, .init(promptTokens: 4, cachedTokens: 0, completionTokens: 0), .init()))
        }
        func logprob(_ id: Int32, _ text: String) -> [TokenLogprob] {
            request.topLogprobs == nil ? [] : [TokenLogprob(chosen: ScriptedBackend.token(id, text, -1), top: [])]
        }
        stream.send(.delta(text: "!", logprobs: logprob(9, "!")))
        if request.reportsEndToken { stream.send(.delta(text: "", logprobs: logprob(0, "</s>"))) }
        stream.send(.finished(.stop, .init(promptTokens: 4, cachedTokens: 0, completionTokens: 2), .init()))
    }

    @LoopActor private func completion(_ fields: String) async throws -> (TestAPI, JSONValue) {
        let api = TestAPI(Self.scored)
        let answer = await api.send("POST", "/v1/completions", "{\"model\":\"base\",\(fields)}")
        return (api, try answer.json())
    }

    @LoopActor @Test func anEchoedPromptAndTheAnswerAreOneListWhoseFirstEntryIsNull() async throws {
        let (api, answer) = try await completion("\"prompt\":\"Say é\",\"echo\":true,\"logprobs\":1,\"max_tokens\":1")
        let choice = answer["choices"]?[0]
        #expect(choice?["text"] == "Say é!")
        let expected = """
            {"tokens":["<s>","Say","bytes:\\\\x20\\\\xc3","bytes:\\\\xa9","!","</s>"],"token_logprobs":[null,-2.0,-3.0,-4.0,-1.0,-1.0],\
            "top_logprobs":[null,{"b2":-0.25,"Say":-2.0},{"b3":-0.25,"bytes:\\\\x20\\\\xc3":-3.0},{"b4":-0.25,"bytes:\\\\xa9":-4.0},\
            {"!":-1.0},{"</s>":-1.0}],"text_offset":[0,0,3,5,5,6]}
            """
        #expect(choice?["logprobs"]?.serialized() == expected)
        #expect(api.backend.requests[0].promptLogprobs == 1 && api.backend.requests[0].reportsEndToken)
    }

    @LoopActor @Test func tokenIDsAreEchoedAsTheirText() async throws {
        let (api, answer) = try await completion("\"prompt\":[[1,2,3,4]],\"echo\":true,\"max_tokens\":1")
        #expect(answer["choices"]?[0]?["text"] == "<s>Say é!" && answer["choices"]?[0]?["logprobs"] == .null)
        #expect(api.backend.requests[0].reportsPrompt && api.backend.requests[0].promptLogprobs == nil)
        let (_, scored) = try await completion("\"prompt\":[1,2,3,4],\"echo\":true,\"logprobs\":0")
        #expect(scored["choices"]?[0]?["logprobs"]?["text_offset"]?.serialized() == "[0,3,6,8,8,9]")
    }

    @LoopActor @Test func withoutAnAnswerThereIsThePromptOnly() async throws {
        let (api, answer) = try await completion("\"prompt\":\"Say é\",\"echo\":true,\"logprobs\":0,\"max_tokens\":0")
        #expect(api.backend.requests[0].maxTokens == 0)
        #expect(answer["choices"]?[0]?["logprobs"]?["tokens"]?.arrayValue?.count == 4)
        #expect(answer["choices"]?[0]?["text"] == "Say é" && answer["choices"]?[0]?["finish_reason"] == "length")
        #expect(answer["usage"]?["completion_tokens"] == 0 && answer["usage"]?["total_tokens"] == 4)
        let (other, plain) = try await completion("\"prompt\":\"x\",\"max_tokens\":0,\"logprobs\":1")
        #expect(plain["choices"]?[0]?["logprobs"]?["tokens"]?.arrayValue?.isEmpty == true && !other.backend.requests[0].reportsPrompt)
        let (unlimited, _) = try await completion("\"prompt\":\"x\",\"max_tokens\":null")
        #expect(unlimited.backend.requests[0].maxTokens == 16)
    }

    @LoopActor @Test func aStreamBeginsWithTheEchoAndItsLogprobs() async throws {
        let api = TestAPI(Self.scored)
        let events = try await api.send(
            "POST", "/v1/completions", "{\"prompt\":\"Say é\",\"echo\":true,\"logprobs\":1,\"stream\":true}").eventValues()
        #expect(events.map { $0["choices"]?[0]?["text"] } == ["Say é", "!", "", ""])
        let tokens = events.map { $0["choices"]?[0]?["logprobs"]?["tokens"]?.arrayValue?.count }
        #expect(tokens == [4, 1, 1, nil])
        #expect(events[1]["choices"]?[0]?["logprobs"]?["text_offset"] == [5])
    }

    @LoopActor @Test(arguments: ["/v1/completions", "/v1/chat/completions"])
    func promptLogprobsHaveVLLMsShape(path: String) async throws {
        func body(_ fields: String) -> String {
            path == "/v1/completions" ? "{\"model\":\"base\",\"prompt\":\"x\",\(fields)}" : TestAPI.chatBody("\"model\":\"base\",\(fields)")
        }
        let answer = try await TestAPI(Self.scored).send("POST", path, body("\"prompt_logprobs\":1")).json()
        let shown = path == "/v1/completions" ? answer["choices"]?[0] : answer
        let expected = """
            {"92":{"logprob":-0.25,"rank":1,"decoded_token":"b2"},"2":{"logprob":-2.0,"rank":2,"decoded_token":"Say"}}
            """
        #expect(shown?["prompt_logprobs"]?[0] == .null && shown?["prompt_logprobs"]?[1]?.serialized() == expected)
        #expect(answer["choices"]?[0]?["logprobs"] == .null)
        let streamed = await TestAPI(Self.scored).send("POST", path, body("\"prompt_logprobs\":1,\"stream\":true"))
        #expect(streamed.status == 400)
        #expect(try streamed.json()["error"]?["param"] == "prompt_logprobs")
        #expect(await TestAPI(Self.scored).send("POST", path, body("\"prompt_logprobs\":0,\"stream\":true")).status == 200)
        let all = await TestAPI(Self.scored).send("POST", path, body("\"prompt_logprobs\":-1"))
        #expect(all.status == 400 && all.text.contains("prompt_logprobs") && all.text.contains("at most 20"))
    }

    @LoopActor @Test(arguments: ["/v1/completions", "/v1/chat/completions"])
    func idsOfPromptAndAnswerAreReturned(path: String) async throws {
        func body(_ fields: String) -> String {
            path == "/v1/completions" ? "{\"model\":\"base\",\"prompt\":\"x\",\(fields)}" : TestAPI.chatBody("\"model\":\"base\",\(fields)")
        }
        let answer = try await TestAPI(Self.scored).send("POST", path, body("\"return_token_ids\":true")).json()
        let shown = path == "/v1/completions" ? answer["choices"]?[0] : answer
        #expect(shown?["prompt_token_ids"] == [1, 2, 3, 4] && answer["choices"]?[0]?["token_ids"] == [9, 0])
        #expect(answer["choices"]?[0]?["logprobs"] == .null && shown?["prompt_logprobs"] == nil)
        let events = try await TestAPI(Self.scored).send("POST", path, body("\"return_token_ids\":true,\"stream\":true")).eventValues()
        let first = path == "/v1/completions" ? events[0]["choices"]?[0] : events[0]
        #expect(first?["prompt_token_ids"] == [1, 2, 3, 4])
        let ids = events.compactMap { $0["choices"]?[0]?["token_ids"]?.arrayValue }.flatMap { $0 }
        #expect(ids == [9, 0])
        let logprobs = path == "/v1/completions" ? "\"logprobs\":0" : "\"logprobs\":true"
        let named = await TestAPI(Self.scored).send("POST", path, body("\(logprobs),\"return_tokens_as_token_ids\":true"))
        #expect(named.text.contains("\"token_id:9\""))
    }

    @LoopActor @Test(arguments: ["/v1/completions", "/v1/chat/completions"])
    func fieldsOfSingleTokensReachTheBackend(path: String) async throws {
        let fields = """
            "stop_token_ids":[7,8],"include_stop_str_in_output":true,"min_tokens":2,"max_tokens":4,"skip_special_tokens":false,\
            "bad_words":["no"],"allowed_token_ids":[1,2],"truncate_prompt_tokens":5,"truncation_side":"right","typical_p":0.5,\
            "cache_salt":"a","priority":0,"request_id":"r","use_beam_search":false,"length_penalty":1.0,"logits_processors":null,\
            "spaces_between_special_tokens":true,"ignore_eos":true
            """
        let api = TestAPI(Self.scored)
        let body = path == "/v1/completions" ? "{\"model\":\"base\",\"prompt\":\"x\",\(fields)}" : TestAPI.chatBody("\"model\":\"base\",\(fields)")
        let answer = await api.send("POST", path, body)
        #expect(answer.status == 200, "\(answer.text)")
        let request = try #require(api.backend.requests.first)
        #expect(request.stopTokens == [7, 8] && request.includesStop && request.minTokens == 2 && !request.skipsSpecialTokens)
        #expect(request.bannedWords == ["no"] && request.allowedTokens == [1, 2] && request.sampling.typicalP == 0.5)
        #expect(request.truncation == PromptTruncation(tokens: 5, keepsEnd: false) && request.ignoreEndOfSequence)
        #expect(request.cachePartition == " salt a")
    }

    @LoopActor @Test(arguments: [
        ("\"min_tokens\":9,\"max_tokens\":4", "min_tokens"), ("\"use_beam_search\":true", "use_beam_search"),
        ("\"logits_processors\":[\"x\"]", "logits_processors"), ("\"priority\":1", "priority"), ("\"allowed_token_ids\":[]", "allowed_token_ids"),
        ("\"allowed_token_ids\":[1,-1]", "allowed_token_ids[1]"), ("\"bad_words\":[\" \"]", "bad_words[0]"),
        ("\"truncate_prompt_tokens\":0", "truncate_prompt_tokens"), ("\"truncate_prompt_tokens\":-2", "truncate_prompt_tokens"),
        ("\"truncation_side\":\"middle\"", "truncation_side"), ("\"typical_p\":0", "typical_p"), ("\"typical_p\":1.5", "typical_p"),
        ("\"stop_token_ids\":[1.5]", "stop_token_ids[0]"), ("\"prompt_logprobs\":21", "prompt_logprobs"), ("\"cache_salt\":\"\"", "cache_salt"),
        ("\"add_special_tokens\":1", "add_special_tokens"),
    ])
    func whatCannotBeHonouredIsNamed(fields: String, param: String) async throws {
        for path in ["/v1/completions", "/v1/chat/completions"] {
            let body = path == "/v1/completions" ? "{\"prompt\":\"x\",\(fields)}" : TestAPI.chatBody(fields)
            let answer = await TestAPI().send("POST", path, body)
            #expect(answer.status == 400, "\(answer.text)")
            #expect(try answer.json()["error"]?["param"] == .string(param))
        }
    }

    @LoopActor @Test func whatOnlyTheBackendFindsIsNamed() async throws {
        let empty = TestAPI(ScriptedBackend.failing(GenerationError(.invalidRequest, "the prompt is empty")))
        func ask(_ fields: String, _ api: TestAPI) async throws -> JSONValue? {
            let answer = await api.send("POST", "/v1/completions", "{\"model\":\"base\",\(fields)}")
            #expect(answer.status == 400)
            return try answer.json().error("param")
        }
        #expect(try await ask("\"prompt\":\"\"", empty) == "prompt")
        #expect(try await ask("\"prompt\":[\"\",\"\"]", empty) == "prompt[0]")
        #expect(try await ask("\"prompt\":\"x\"", empty) == .null)
        let contradicted = TestAPI { _, stream in
            stream.send(StreamTests.started)
            stream.send(.failed(GenerationError(.invalidRequest, "no token is left")))
        }
        #expect(try await ask("\"prompt\":\"x\",\"allowed_token_ids\":[1],\"guided_regex\":\"a\"", contradicted) == "allowed_token_ids")
        #expect(try await ask("\"prompt\":\"x\",\"bad_words\":[\"a\"],\"guided_regex\":\"a\"", contradicted) == "bad_words")
    }

    @LoopActor @Test func idsOutsideTheVocabularyAreRefusedBeforeTheBackend() async throws {
        let api = TestAPI(Self.scored)
        api.backend.vocabulary.withLock { $0 = 256 }
        for (prompt, param) in [("[256]", "prompt"), ("[[255],[1,256]]", "prompt[1]")] {
            let answer = await api.send("POST", "/v1/completions", "{\"model\":\"base\",\"prompt\":\(prompt)}")
            #expect(answer.status == 400)
            #expect(try answer.json().error("param") == .string(param))
        }
        #expect(api.backend.requests.isEmpty)
        #expect(await api.send("POST", "/v1/completions", "{\"model\":\"base\",\"prompt\":[255]}").status == 200)
    }

    @LoopActor @Test func specialTokensAreAddedToTextsOfCompletionsOnly() async throws {
        let (api, _) = try await completion("\"prompt\":\"x\",\"add_special_tokens\":false")
        guard case .text(_, false, _) = api.backend.requests[0].prompt else { return #expect(Bool(false)) }
        #expect(await TestAPI().chat("\"add_special_tokens\":false").status == 200)
        let refused = await TestAPI().chat("\"add_special_tokens\":true")
        #expect(refused.status == 400 && refused.text.contains("add_special_tokens"))
    }

    @LoopActor @Test func aChatEchoesItsLastMessageWhereItIsTheAssistants() async throws {
        let messages = "{\"model\":\"base\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":\"Well\"}],\"echo\":true"
        let answer = try await TestAPI().send("POST", "/v1/chat/completions", messages + "}").json()
        #expect(answer["choices"]?[0]?["message"]?["content"] == "WellHello")
        let events = try await TestAPI().send("POST", "/v1/chat/completions", messages + ",\"stream\":true}").eventValues()
        #expect(events.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.stringValue }.joined() == "WellHello")
        #expect(try await TestAPI().chat("\"model\":\"base\",\"echo\":true").json()["choices"]?[0]?["message"]?["content"] == "Hello")
    }

    @LoopActor @Test func loraxTakesItsOwnClientsDefaults() async throws {
        let api = TestAPI(Self.scored)
        let body = """
            {"inputs":"Say é","parameters":{"temperature":0,"typical_p":0.95,"best_of":1,"truncate":7,"decoder_input_details":true,\
            "details":true,"max_new_tokens":2}}
            """
        let answer = await api.send("POST", "/generate", body)
        #expect(answer.status == 200, "\(answer.text)")
        let details = try answer.json()["details"]
        #expect(details?["prefill"]?[0]?.serialized() == "{\"id\":1,\"text\":\"<s>\",\"logprob\":null}")
        #expect(details?["prefill"]?[1]?.serialized() == "{\"id\":2,\"text\":\"Say\",\"logprob\":-2.0}")
        #expect(details?["tokens"]?[0]?["skipped"] == false && details?["tokens"]?.arrayValue?.count == 1)
        let request = try #require(api.backend.requests.first)
        #expect(request.sampling.temperature == 0 && request.sampling.typicalP == 0.95)
        #expect(request.truncation == PromptTruncation(tokens: 7) && request.promptLogprobs == 0)
        let typical = TestAPI()
        _ = await typical.send("POST", "/generate", "{\"inputs\":\"x\",\"parameters\":{\"typical_p\":0.95}}")
        #expect(typical.backend.requests[0].sampling.temperature == 1)
        let streamed = await TestAPI().send("POST", "/generate_stream", "{\"inputs\":\"x\",\"parameters\":{\"decoder_input_details\":true}}")
        #expect(streamed.status == 422 && streamed.text.contains("decoder_input_details"))
        let plain = try await TestAPI().send("POST", "/generate", "{\"inputs\":\"x\",\"parameters\":{\"details\":true}}").json()
        #expect(plain["details"]?["prefill"] == [] && plain["details"]?["tokens"]?[0]?["skipped"] == false)
    }
}
