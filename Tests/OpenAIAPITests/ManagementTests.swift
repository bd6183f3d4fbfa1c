import Generation
import JSON
import Synchronization
import Testing
import UV

@testable import OpenAIAPI

@Suite struct ManagementTests {
    @LoopActor @Test func modelsHaveTheirLineage() async throws {
        let api = TestAPI()
        let list = try await api.send("GET", "/v1/models").json()
        let expected = """
            {"object":"list","data":[\
            {"id":"smol","object":"model","created":100,"owned_by":"lmoe","root":"smol","parent":null,"max_model_len":2048},\
            {"id":"bash","object":"model","created":200,"owned_by":"lmoe","root":"adapters/bash","parent":"smol","max_model_len":2048},\
            {"id":"sql","object":"model","created":200,"owned_by":"lmoe","root":"adapters/sql","parent":"smol","max_model_len":2048},\
            {"id":"auto","object":"model","created":100,"owned_by":"lmoe","root":"auto","parent":"smol","max_model_len":2048},\
            {"id":"mini","object":"model","created":100,"owned_by":"lmoe","root":"encoder","parent":null,"max_model_len":8}]}
            """
        #expect(list.serialized() == expected)
        for name in ["mini", "encoder"] { #expect(try await api.send("GET", "/v1/models/\(name)").json()["id"] == "mini") }
        #expect(try await api.send("GET", "/v1/models/sql").json()["parent"] == "smol")
        #expect(try await api.send("GET", "/v1/models/base").json()["id"] == "smol")
        let missing = await api.send("GET", "/v1/models/nope")
        #expect(missing.status == 404)
        #expect(try missing.json().error("code") == "model_not_found")
    }

    @LoopActor @Test func routesAreExplained() async throws {
        let api = TestAPI()
        let answer = await api.send("POST", "/v1/route", "{\"input\":\"some sql\",\"top\":3,\"threshold\":0.5}")
        #expect(try answer.json()["adapter"] == "sql" && answer.json()["route"] == "matched")
        #expect(api.services.questions.withLock { $0[0].top } == 3)
        let messages = "{\"input\":[{\"role\":\"user\",\"content\":\"bash\"}],\"candidates\":[\"bash\"]}"
        #expect(try await api.send("POST", "/v1/route", messages).json()["adapter"] == "bash")
        for (body, param) in [("{}", "input"), ("{\"input\":\"x\",\"top\":0}", "top"), ("{\"input\":\"x\",\"txt\":1}", "txt")] {
            let answer = await api.send("POST", "/v1/route", body)
            #expect(answer.status == 400)
            #expect(try answer.json().error("param") == .string(param))
        }
        #expect(api.backend.requests.isEmpty)
    }

    @LoopActor @Test func embeddingsComeAsNumbersAndAsBase64() async throws {
        let api = TestAPI()
        let plain = await api.send("POST", "/v1/embeddings", "{\"model\":\"encoder\",\"input\":[\"ab\",\"cde\"]}")
        let expected = """
            {"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,0.5,0.5,0.5]},\
            {"object":"embedding","index":1,"embedding":[0.5,0.5,0.5,0.5]}],"model":"mini",\
            "usage":{"prompt_tokens":5,"total_tokens":5}}
            """
        #expect(plain.text == expected)
        let encoded = try await api.send(
            "POST", "/v1/embeddings", "{\"model\":\"mini\",\"input\":\"ab\",\"encoding_format\":\"base64\"}").json()
        #expect(encoded["data"]?[0]?["embedding"] == "AAAAPwAAAD8AAAA/AAAAPw==")
        let short = try await api.send(
            "POST", "/v1/embeddings", "{\"model\":\"mini\",\"input\":\"ab\",\"dimensions\":1}").json()
        #expect(short["data"]?[0]?["embedding"] == [1.0])
    }

    @LoopActor @Test(arguments: [
        ("\"model\":\"mini\"", "input", 400), ("\"model\":\"bash\",\"input\":\"a\"", "model", 404),
        ("\"model\":\"mini\",\"input\":\"\"", "input", 400), ("\"model\":\"mini\",\"input\":[]", "input", 400),
        ("\"input\":[[]]", "input[0]", 400), ("\"input\":[1,-2]", "input[1]", 400), ("\"input\":[1,\"a\"]", "input[1]", 400),
        ("\"input\":[\"a\",\"123456789\"]", "input[1]", 400), ("\"input\":\"a\",\"truncate_prompt_tokens\":9", "truncate_prompt_tokens", 400),
        ("\"input\":\"a\",\"truncate_prompt_tokens\":0", "truncate_prompt_tokens", 400),
        ("\"input\":\"a\",\"truncation_side\":\"left\"", "truncation_side", 400), ("\"input\":\"a\",\"truncate\":1", "truncate", 400),
        ("\"model\":\"mini\",\"input\":\"a\",\"dimensions\":5", "dimensions", 400),
        ("\"model\":\"mini\",\"input\":\"a\",\"encoding_format\":\"hex\"", "encoding_format", 400),
        ("\"model\":\"mini\",\"input\":\"a\",\"inputs\":1", "inputs", 400),
    ])
    func badEmbeddingRequestsAreNamed(fields: String, param: String, status: Int) async throws {
        let answer = await TestAPI().send("POST", "/v1/embeddings", "{\(fields)}")
        #expect(answer.status == status)
        #expect(try answer.json().error("param") == .string(param))
    }

    @LoopActor @Test(arguments: [
        ("\"input\":\"123456789\",\"truncate\":true", 8), ("\"input\":\"123456789\",\"truncate_prompt_tokens\":-1", 8),
        ("\"input\":\"123456789\",\"truncate_prompt_tokens\":3,\"truncation_side\":\"right\"", 3), ("\"input\":[1,2,3]", 3),
        ("\"input\":[[1,2],\"abc\",[4]]", 6), ("\"model\":\"text-embedding-3-small\",\"input\":\"ab\"", 2),
    ])
    func inputsAreTextsOrTokenIDsAndCutWhereThatIsAskedFor(fields: String, tokens: Int) async throws {
        let api = TestAPI(configure: { $0.modelAliases = [ModelAlias("text-embedding-*", target: "encoder")] })
        let answer = await api.send("POST", "/v1/embeddings", "{\(fields)}")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try answer.json()["usage"]?["prompt_tokens"] == .integer(Int64(tokens)))
        #expect(try answer.json()["model"] == (fields.contains("small") ? "text-embedding-3-small" : "mini"))
    }

    @Test func base64IsPadded() {
        let cases = ["": "", "f": "Zg==", "fo": "Zm8=", "foo": "Zm9v", "foob": "Zm9vYg==", "fooba": "Zm9vYmE=", "foobar": "Zm9vYmFy"]
        for (text, encoded) in cases { #expect(Base64.encode(Array(text.utf8)) == encoded) }
    }

    @LoopActor @Test func adaptersAreListedAddedAndRemoved() async throws {
        let api = TestAPI()
        let list = try await api.send("GET", "/v1/adapters").json()
        #expect(list["data"]?.arrayValue?.compactMap { $0["name"]?.stringValue } == ["bash", "sql"])
        let one = await api.send("GET", "/v1/adapters/bash")
        #expect(
            one.text == "{\"name\":\"bash\",\"object\":\"adapter\",\"state\":\"resident\",\"reason\":null,\"rank\":8,\"folder\":\"adapters/bash\"}")
        let missing = await api.send("GET", "/v1/adapters/nope")
        #expect(missing.status == 404)
        #expect(try missing.json().error("code") == "adapter_not_found")
        #expect(await api.send("PUT", "/v1/adapters/new", "{\"source\":\"team/new\"}").status == 201)
        #expect(await api.send("PUT", "/v1/adapters/new", "{}").status == 400)
        _ = await api.send("DELETE", "/v1/adapters/bash%2f..%2fsql")
        #expect(await api.send("DELETE", "/v1/adapters/sql").text == "{\"name\":\"sql\",\"object\":\"adapter\",\"deleted\":true}")
        #expect(api.services.changes.withLock { $0 } == ["add new team/new", "remove bash%2F..%2Fsql", "remove sql"])
    }

    @LoopActor @Test func filesOfAnAdapterComeInPiecesAndArePublished() async throws {
        let api = TestAPI()
        let whole = await api.send("PUT", "/v1/adapters/new/files/a.json", "{}")
        #expect(whole.text == "{\"name\":\"new\",\"object\":\"adapter.file\",\"file\":\"a.json\",\"bytes\":2,\"complete\":true}")
        let piece = await api.send("PUT", "/v1/adapters/new/files/b.json", "abc", headers: ["Content-Range": "bytes 4-6/9"])
        #expect(try piece.json()["bytes"] == 7 && piece.json()["complete"] == false)
        #expect(await api.send("PUT", "/v1/adapters/new", "{\"uploaded\":true,\"replace\":true}").status == 201)
        #expect(await api.send("PUT", "/v1/adapters/new", "{\"source\":\"a\",\"replace\":true}").status == 201)
        for body in ["{\"uploaded\":true,\"source\":\"a\"}", "{\"uploaded\":false}", "{\"uploaded\":1}"] {
            #expect(await api.send("PUT", "/v1/adapters/new", body).status == 400, "\(body)")
        }
        #expect(await api.send("DELETE", "/v1/adapters/new/files").status == 200)
        #expect(api.services.changes.withLock { $0 } == [
            "receive new a.json 0+2/2", "receive new b.json 4+3/9", "publish new in place", "add new a in place", "discard new",
        ])
    }

    @LoopActor @Test func anOverloadIsNotAnEmptyList() async throws {
        let api = TestAPI()
        api.services.failure.withLock { $0 = APIError(.overloaded, "full", retryAfterSeconds: 2) }
        let answer = await api.send("GET", "/v1/adapters")
        #expect(answer.status == 429)
        #expect(answer.headers["retry-after"] == "2")
    }

    @LoopActor @Test func vllmsShapesAreSpoken() async throws {
        let api = TestAPI()
        let loaded = await api.send("POST", "/v1/load_lora_adapter", "{\"lora_name\":\"new\",\"lora_path\":\"/x/new\"}")
        #expect(loaded.status == 200)
        #expect(loaded.text == "Success: LoRA adapter 'new' added successfully.")
        let unloaded = await api.send("POST", "/v1/unload_lora_adapter", "{\"lora_name\":\"sql\"}")
        #expect(unloaded.text == "Success: LoRA adapter 'sql' removed successfully.")
        let again = await api.send("POST", "/v1/load_lora_adapter", "{\"lora_name\":\"sql\",\"lora_path\":\"x\"}")
        #expect(again.status == 400)
        #expect(try again.json().error("code") == 400)
        #expect(try again.json().error("type") == "InvalidUserInput")
        let missing = await api.send("POST", "/v1/unload_lora_adapter", "{\"lora_name\":\"nope\"}")
        #expect(missing.status == 404)
        #expect(try missing.json().error("type") == "NotFoundError")
        #expect(await api.send("POST", "/v1/load_lora_adapter", "{\"lora_name\":\"\",\"lora_path\":\"x\"}").status == 400)
    }

    @LoopActor @Test func llamaCppsAdapterListSetsTheDefault() async throws {
        let api = TestAPI()
        let list = try await api.send("GET", "/lora-adapters").json()
        #expect(list[1]?["name"] == "sql")
        #expect(list[1]?["scale"] == 0.0)
        #expect(await api.send("POST", "/lora-adapters", "[{\"id\":1,\"scale\":1.0}]").text == "{\"success\":true}")
        #expect(try await api.send("GET", "/lora-adapters").json()[1]?["scale"] == 1.0)
        #expect(await api.chat("").headers["x-lmoe-adapter"] == "sql")
        #expect(await api.chat("\"model\":\"bash\"").headers["x-lmoe-adapter"] == "bash")
        api.backend.refusals.withLock { $0 = ["sql": .init(.adapterRejected, "torn")] }
        let replaced = await api.chat("")
        #expect(replaced.status == 200 && replaced.headers["x-lmoe-adapter"] == "base" && replaced.headers["x-lmoe-route"] == "fallback")
        #expect(await api.chat("\"model\":\"sql\"").status == 400, "the client named it")
        api.backend.refusals.withLock { $0 = [:] }
        for list in ["[{\"id\":1,\"scale\":0.0}]", "[{\"id\":0,\"scale\":0},{\"id\":1,\"scale\":0}]"] {
            #expect(await api.send("POST", "/lora-adapters", list).status == 200)
            let answer = await api.send("POST", "/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"sql\"}]}")
            #expect(answer.headers["x-lmoe-adapter"] == "base" && answer.headers["x-lmoe-route"] == "explicit", "\(list)")
            #expect(try await api.send("GET", "/lora-adapters").json()[1]?["scale"] == 0.0)
        }
        #expect(await api.send("POST", "/lora-adapters", "[]").status == 200)
        #expect(await api.chat("").headers["x-lmoe-route"] == "fallback")
        #expect(await api.send("POST", "/lora-adapters", "{}").status == 400)
        #expect(await api.send("POST", "/lora-adapters", "[{\"id\":1,\"scale\":0.5}]").status == 400, "the default is one at full strength")
        #expect(await api.send("POST", "/lora-adapters", "[{\"id\":5,\"scale\":1}]").status == 400)
    }

    @LoopActor @Test func loraxsGenerateIsSpoken() async throws {
        let api = TestAPI()
        let answer = await api.send(
            "POST", "/generate",
            "{\"inputs\":\"x\",\"parameters\":{\"adapter_id\":\"sql\",\"adapter_source\":\"local\",\"details\":true,\"max_new_tokens\":3,\"return_full_text\":true,\"typical_p\":null,\"seed\":9}}")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.headers["x-adapter-id"] == "sql")
        #expect(answer.headers["x-model-id"] == "smol")
        let body = try answer.json()
        #expect(body["generated_text"] == "xHello")
        let details = """
            {"finish_reason":"eos_token","prompt_tokens":5,"generated_tokens":2,"skipped_tokens":0,"seed":9,"prefill":[],\
            "tokens":[{"id":10,"text":"Hel","logprob":-0.5,"special":false,"skipped":false},\
            {"id":12,"text":"lo","logprob":-0.25,"special":false,"skipped":false}]}
            """
        #expect(body["details"]?.serialized() == details)
        let request = api.backend.requests[0]
        #expect(request.sampling.temperature == 0)
        #expect(request.maxTokens == 3)
    }

    @LoopActor @Test func onlyAStopStringThatCameIsLoraxsStopSequence() async throws {
        let body = "{\"inputs\":\"x\",\"parameters\":{\"details\":true,\"stop\":[\"END\"]}}"
        for (found, reason) in [(nil, "eos_token"), ("END", "stop_sequence")] as [(String?, String)] {
            let api = TestAPI { _, stream in
                stream.send(StreamTests.started)
                stream.send(.delta(text: "Hel", logprobs: []))
                stream.send(.finished(.stop, .init(promptTokens: 1, cachedTokens: 0, completionTokens: 1, stopString: found), .init()))
            }
            #expect(try await api.send("POST", "/generate", body).json()["details"]?["finish_reason"] == .string(reason))
        }
    }

    @LoopActor @Test func theMostProbableOfLoraxsCandidatesIsSent() async throws {
        let drawn = Mutex(0)
        // Of these the second is the most probable a token, and the first in all.
        let candidates: [(String, [Float])] = [("one", [-1]), ("two", [-0.5, -0.75]), ("three", [-2, -0.25])]
        let api = TestAPI { _, stream in
            let (text, logprobs) = candidates[drawn.withLock { drawn in defer { drawn += 1 }; return drawn }]
            stream.send(StreamTests.started)
            stream.send(.delta(text: text, logprobs: logprobs.map { .init(chosen: ScriptedBackend.token(7, text, $0), top: []) }))
            stream.send(.finished(.stop, .init(promptTokens: 4, cachedTokens: 0, completionTokens: logprobs.count), .init()))
        }
        let body = "{\"inputs\":\"x\",\"parameters\":{\"best_of\":3,\"do_sample\":true,\"details\":true,\"adapter_id\":\"sql\"}}"
        let answer = try await api.send("POST", "/generate", body).json()
        #expect(answer["generated_text"] == "two")
        #expect(answer["details"]?["generated_tokens"] == 2 && answer["details"]?["prompt_tokens"] == 4)
        let others = answer["details"]?["best_of_sequences"]
        #expect(others?.arrayValue?.map { $0["generated_text"] } == ["one", "three"])
        #expect(others?[0]?["generated_tokens"] == 1 && others?[1]?["tokens"]?.arrayValue?.count == 2)
        #expect(try await TestAPI().send("POST", "/generate", body).json()["details"]?["best_of_sequences"]?.arrayValue?.count == 2)
        let stream = await TestAPI().send("POST", "/generate_stream", body)
        #expect(stream.status == 422 && stream.text.contains("best_of"))
    }

    @LoopActor @Test func loraxsStreamHasATokenAnEventAndTheTextInTheLast() async throws {
        let answer = await TestAPI().send("POST", "/generate_stream", "{\"inputs\":\"x\",\"parameters\":{\"do_sample\":true}}")
        let events = try answer.eventValues()
        #expect(answer.headers["Content-Type"] == "text/event-stream")
        #expect(events.map { $0["token"]?["text"] } == ["Hel", "lo"])
        #expect(events.map { $0["generated_text"] } == [.null, "Hello"])
        #expect(events[1]["details"]?["generated_tokens"] == 2)
        #expect(!answer.text.contains("[DONE]"))
    }

    @LoopActor @Test func atTheRootTheBodyDecidesWhetherItStreams() async throws {
        #expect(await TestAPI().send("POST", "/", "{\"inputs\":\"x\",\"stream\":true}").isStream)
        let whole = await TestAPI().send("POST", "/", "{\"inputs\":\"x\",\"stream\":false}")
        #expect(!whole.isStream)
        #expect(try whole.json()[0]?["generated_text"] == "Hello")
    }

    @LoopActor @Test func loraxsErrorsAreItsOwn() async throws {
        let api = TestAPI()
        for (parameters, status) in [
            ("\"max_new_token\":1", 422), ("\"best_of\":2", 422), ("\"best_of\":2,\"do_sample\":true,\"seed\":1", 422), ("\"best_of\":17,\"do_sample\":true", 422), ("\"merged_adapters\":{}", 422), ("\"adapter_id\":\"nope\"", 404),
            ("\"adapter_source\":\"hub\"", 422), ("\"watermark\":true", 422),
        ] {
            let answer = await api.send("POST", "/generate", "{\"inputs\":\"x\",\"parameters\":{\(parameters)}}")
            #expect(answer.status == status, "\(parameters)")
            #expect(try answer.json().objectValue?.keys == ["error", "error_type"])
        }
        let full = await TestAPI(ScriptedBackend.failing(.init(.overloaded, "full"))).send("POST", "/generate", "{\"inputs\":\"x\"}")
        #expect(full.status == 429)
        #expect(try full.json()["error_type"] == "overloaded")
        #expect(try await api.send("GET", "/info").json()["model_id"] == "smol")
    }

    @LoopActor @Test func metricsArePlainText() async throws {
        let answer = await TestAPI().send("GET", "/metrics")
        #expect(answer.text == "lmoe_up 1\n")
        #expect(answer.headers["Content-Type"]?.hasPrefix("text/plain; version=0.0.4") == true)
    }
}
