import JSON
import Testing
import UV

@testable import OpenAIAPI

/// The tokenizer and the chat template over HTTP.
@Suite struct TokenizeTests {
    @LoopActor private func ask(_ path: String, _ fields: String) async throws -> JSONValue {
        let answer = await TestAPI().send("POST", path, "{\(fields)}")
        #expect(answer.status == 200, "\(answer.text)")
        return try answer.json()
    }

    @LoopActor @Test func textsAreTokenizedAsVLLMAndLlamaCppDo() async throws {
        let vllm = try await ask("/tokenize", "\"model\":\"base\",\"prompt\":\"ab\"")
        #expect(vllm.serialized() == "{\"count\":3,\"max_model_len\":2048,\"tokens\":[1,97,98]}")
        #expect(try await ask("/tokenize", "\"prompt\":\"ab\",\"add_special_tokens\":false")["tokens"] == [97, 98])
        let texts = try await ask("/tokenize", "\"prompt\":\"a\",\"return_token_strs\":true")
        #expect(texts["token_strs"] == ["<s>", "a"])
        #expect(try await ask("/tokenize", "\"content\":\"ab\"")["tokens"] == [97, 98])
        #expect(try await ask("/tokenize", "\"content\":\"a\",\"add_special\":true")["tokens"] == [1, 97])
        let pieces = try await ask("/tokenize", "\"content\":\"aé\",\"with_pieces\":true")["tokens"]
        #expect(pieces?[0] == ["id": 97, "piece": "a"] && pieces?[1] == ["id": 195, "piece": [195]])
        #expect(try await ask("/tokenize", "\"prompt\":\"\",\"add_special_tokens\":false")["tokens"] == [])
    }

    @LoopActor @Test func messagesAreRenderedWithTheTemplateOfWhoWouldAnswer() async throws {
        let messages = "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
        let tokens = try await ask("/tokenize", "\(messages),\"return_token_strs\":true")
        #expect(tokens["count"] == 19 && tokens["token_strs"]?[1] == "u")
        #expect(try await ask("/tokenize", "\(messages),\"add_generation_prompt\":false")["count"] == 8)
        #expect(try await ask("/apply-template", messages) == ["prompt": "[user]hi[assistant]"])
        let api = TestAPI()
        _ = await api.send("POST", "/apply-template", "{\"model\":\"sql\",\(messages)}")
        #expect(api.backend.requests.map(\.adapter) == ["sql"])
        #expect(api.services.questions.withLock { $0.isEmpty })
    }

    @LoopActor @Test func idsBecomeTextAgain() async throws {
        let text = try await ask("/detokenize", "\"tokens\":[97,195,169]")
        #expect(text == ["prompt": "aé", "content": "aé"])
        #expect(try await ask("/detokenize", "\"model\":\"base\",\"tokens\":[]")["prompt"] == "")
    }

    @LoopActor @Test func theTokenizerDescribesItself() async throws {
        let info = try await TestAPI().send("GET", "/tokenizer_info").json()
        #expect(info["bos_token"] == .null && info["eos_token"] == "</s>" && info["pad_token"] == "<pad>")
        #expect(info["chat_template"] == "{{ messages }}" && info["vocab_size"] == 256)
        let properties = try await TestAPI().send("GET", "/props").json()
        #expect(properties["default_generation_settings"]?["n_ctx"] == 2048 && properties["chat_template"] == "{{ messages }}")
        let loading = TestAPI()
        loading.service.services = nil
        for path in ["/tokenizer_info", "/props"] { #expect(await loading.send("GET", path).status == 503) }
    }

    @LoopActor @Test(arguments: [
        ("/tokenize", "", "prompt"), ("/tokenize", "\"prompt\":[1]", "prompt"), ("/tokenize", "\"prompt\":\"a\",\"content\":\"b\"", "content"),
        ("/tokenize", "\"prompt\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]", "prompt"),
        ("/tokenize", "\"prompt\":\"a\",\"stream\":true", "stream"), ("/tokenize", "\"messages\":[]", "messages"),
        ("/tokenize", "\"model\":\"nope\",\"prompt\":\"a\"", "model"), ("/detokenize", "", "tokens"), ("/detokenize", "\"tokens\":[-1]", "tokens[0]"),
        ("/detokenize", "\"tokens\":[300]", "tokens"), ("/detokenize", "\"tokens\":[1],\"text\":1", "text"), ("/apply-template", "", "messages"),
    ])
    func badRequestsAreNamed(path: String, fields: String, param: String) async throws {
        let answer = await TestAPI().send("POST", path, "{\(fields)}")
        #expect(answer.status == (param == "model" ? 404 : 400))
        #expect(try answer.json().error("param") == .string(param), "\(answer.text)")
    }

    @LoopActor @Test func onlySomeTextsWaitForTheTokenizer() async {
        let api = TestAPI(configure: { $0.limits.inspections = 0 })
        #expect(await api.send("POST", "/tokenize", "{\"prompt\":\"a\"}").status == 429)
    }
}
