import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct ValidationTests {
    @LoopActor @Test(arguments: [
        ("\"temprature\":1", "temprature"), ("\"temperature\":2.5", "temperature"), ("\"temperature\":\"hot\"", "temperature"),
        ("\"top_p\":-0.1", "top_p"), ("\"n\":0", "n"), ("\"n\":17", "n"), ("\"max_tokens\":0", "max_tokens"),
        ("\"max_completion_tokens\":1.5", "max_completion_tokens"), ("\"stop\":5", "stop"), ("\"stop\":[\"\"]", "stop[0]"),
        ("\"stop\":[\"a\",3]", "stop[1]"), ("\"logit_bias\":{\"x\":1}", "logit_bias"), ("\"logit_bias\":{\"1\":\"a\"}", "logit_bias.1"),
        ("\"logit_bias\":{\"1\":101}", "logit_bias.1"), ("\"logprobs\":2", "logprobs"), ("\"top_logprobs\":2", "top_logprobs"),
        ("\"logprobs\":true,\"top_logprobs\":21", "top_logprobs"), ("\"seed\":1e40", "seed"), ("\"stream\":1", "stream"),
        ("\"stream_options\":{\"include_usage\":true}", "stream_options"),
        ("\"stream\":true,\"stream_options\":{\"usage\":true}", "stream_options.usage"),
        ("\"response_format\":{\"type\":\"xml\"}", "response_format.type"), ("\"modalities\":[\"audio\"]", "modalities[0]"),
        ("\"audio\":{}", "audio"), ("\"tools\":[{\"type\":\"browser\"}]", "tools[0].type"),
        ("\"tools\":[{\"type\":\"function\",\"function\":{}}]", "tools[0].function.name"),
        ("\"tool_choice\":\"required\"", "tool_choice"), ("\"top_k\":-2", "top_k"), ("\"min_p\":2", "min_p"),
        ("\"repetition_penalty\":0", "repetition_penalty"), ("\"ignore_eos\":1", "ignore_eos"),
        ("\"presence_penalty\":3", "presence_penalty"), ("\"frequency_penalty\":-3", "frequency_penalty"),
        ("\"route\":{\"treshold\":0.5}", "route.treshold"), ("\"route\":{\"threshold\":2}", "route.threshold"),
        ("\"route\":{\"candidates\":[]}", "route.candidates"), ("\"route\":{\"candidates\":[\"nope\"]}", "route.candidates"),
        ("\"model\":3", "model"), ("\"model\":\"\"", "model"), ("\"expert\":\"\"", "expert"),
        ("\"lora\":{}", "lora"), ("\"lora\":[{\"id\":9,\"scale\":1}]", "lora[0].id"),
        ("\"lora\":[{\"id\":0,\"scale\":1e9}]", "lora[0].scale"),
        ("\"lora\":[{\"id\":0,\"scale\":1},{\"id\":0,\"scale\":1}]", "lora[1].id"), ("\"scale\":\"much\"", "scale"),
        ("\"merged_adapters\":{}", "merged_adapters.ids"), ("\"merged_adapters\":{\"ids\":[]}", "merged_adapters.ids"),
        ("\"merged_adapters\":{\"ids\":[\"sql\",\"base\"]}", "merged_adapters.ids[1]"),
        ("\"merged_adapters\":{\"ids\":[\"sql\",\"sql\"]}", "merged_adapters.ids[1]"),
        ("\"merged_adapters\":{\"ids\":[\"sql\"],\"weights\":[1,2]}", "merged_adapters.weights"),
        ("\"merged_adapters\":{\"ids\":[\"sql\"],\"weights\":[\"a\"]}", "merged_adapters.weights[0]"),
        ("\"merged_adapters\":{\"ids\":[\"sql\",\"bash\"],\"merge_strategy\":\"slerp\"}", "merged_adapters.merge_strategy"),
        ("\"merged_adapters\":{\"ids\":[\"sql\",\"bash\"],\"merge_strategy\":\"ties\"}", "merged_adapters.density"),
        ("\"merged_adapters\":{\"ids\":[\"sql\",\"bash\"],\"density\":0}", "merged_adapters.density"),
        ("\"merged_adapters\":{\"ids\":[\"sql\"],\"mode\":1}", "merged_adapters.mode"),
        ("\"model\":\"sql\",\"merged_adapters\":{\"ids\":[\"sql\",\"bash\"]}", "merged_adapters"),
        ("\"model\":\"sql\",\"expert\":\"bash\"", "expert"), ("\"expert\":\"sql\",\"adapter_id\":\"bash\"", "adapter_id"),
    ])
    func aBadFieldIsNamed(fields: String, param: String) async throws {
        let api = TestAPI()
        let answer = await api.chat(fields)
        #expect(answer.status == 400, "\(answer.text)")
        let error = try answer.json()
        #expect(error.error("param") == .string(param))
        #expect(error.error("type") == "invalid_request_error")
        #expect(error.error("message")?.stringValue?.contains(param) == true || param == "route.candidates")
        #expect(api.backend.requests.isEmpty)
    }

    @LoopActor @Test(arguments: [
        ("{\"model\":\"auto\"}", "messages"), ("{\"messages\":[]}", "messages"), ("{\"messages\":\"hi\"}", "messages"),
        ("{\"messages\":[{\"content\":\"x\"}]}", "messages[0].role"),
        ("{\"messages\":[{\"role\":\"robot\",\"content\":\"x\"}]}", "messages[0].role"),
        ("{\"messages\":[{\"role\":\"user\"}]}", "messages[0].content"),
        ("{\"messages\":[{\"role\":\"assistant\",\"content\":null}]}", "messages[0].content"),
        ("{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"contnt\":\"y\"}]}", "messages[0].contnt"),
        ("{\"messages\":[{\"role\":\"tool\",\"refusal\":{}}]}", "messages[0].refusal"),
        ("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{}}]}]}", "messages[0].content[0].type"),
        ("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"tool_calls\":[{\"id\":1}]}]}", "messages[1].tool_calls[0].id"),
        ("[1]", nil), ("nonsense", nil), ("", nil), ("{\"a\":\"\\ud800\"}", nil),
    ] as [(String, String?)])
    func aBadBodyIsNamed(body: String, param: String?) async throws {
        let answer = await TestAPI().send("POST", "/v1/chat/completions", body)
        #expect(answer.status == 400)
        #expect(try answer.json().error("param") == param.map(JSONValue.string) ?? .null, "\(answer.text)")
    }

    @LoopActor @Test(arguments: [
        "\"top_n_tokens\":null", "\"whatever\":null", "\"route\":{\"x\":null}", "\"route\":null", "\"stream_options\":null", "\"logit_bias\":{\"5\":null}",
        "\"stream\":true,\"stream_options\":{\"include_usage\":null,\"other\":null}", "\"merged_adapters\":null", "\"tools\":null,\"tool_choice\":null",
        "\"merged_adapters\":{\"ids\":[\"sql\"],\"weights\":null,\"mode\":null}", "\"response_format\":null", "\"stop\":null,\"seed\":null,\"n\":null",
        "\"lmoe\":{\"adapter\":\"sql\",\"route\":\"matched\"}", "\"metadata\":{\"a\\u0000\":1}", "\"lora\":null",
    ])
    func aFieldThatIsNullIsAbsentAndTheServersOwnReportIsIgnored(fields: String) async throws {
        let answer = await TestAPI().chat(fields)
        #expect(answer.status == 200, "\(answer.text)")
    }

    @LoopActor @Test func nullsAreAbsentOnTheOtherEndpointsToo() async throws {
        for (path, body) in [
            ("/v1/completions", "{\"prompt\":\"x\",\"a\":null,\"lmoe\":{}}"), ("/v1/embeddings", "{\"model\":\"mini\",\"input\":\"x\",\"a\":null}"),
            ("/v1/route", "{\"input\":\"x\",\"a\":null}"), ("/generate", "{\"inputs\":\"x\",\"a\":null,\"parameters\":{\"top_n_tokens\":null}}"),
            ("/generate", "{\"inputs\":\"x\",\"parameters\":null}"), ("/v1/unload_lora_adapter", "{\"lora_name\":\"sql\",\"a\":null}"),
            ("/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"x\",\"a\":null,\"lmoe\":{}}]}"),
        ] {
            let answer = await TestAPI().send("POST", path, body)
            #expect(answer.status == 200, "\(path): \(answer.text)")
        }
    }

    @LoopActor @Test func aByteOrderMarkIsSkippedAndANulIsRefused() async throws {
        #expect(await TestAPI().send("POST", "/v1/chat/completions", "\u{FEFF}\(TestAPI.chatBody(""))").status == 200)
        #expect(await TestAPI().send("POST", "/v1/completions", "{\"prompt\":\"q\",\"max_tokens\":1\0}").status == 400)
    }

    /// Whatever holds the elements, and however large the body is.
    @LoopActor @Test func moreElementsThanTheLimitAreRefused() async throws {
        let many = (0..<2_000).map { "\"\($0)\":0" }.joined(separator: ",")
        let limited = TestAPI(configure: { $0.limits.jsonElements = 1_000 })
        for fields in ["\"merged_adapters\":{\(many)}", "\"metadata\":{\(many)}", "\"stop\":[\(Array(repeating: "0", count: 2_000).joined(separator: ","))]"] {
            for padding in ["", String(repeating: " ", count: 100_000)] {
                let answer = await limited.chat(fields + padding)
                #expect(answer.status == 400)
                #expect(try answer.json().error("message") == "the body: arrays and objects have more than 1000 elements in all")
            }
        }
        let allowed = await TestAPI().chat("\"metadata\":{\(many)}" + String(repeating: " ", count: 100_000))
        #expect(allowed.status == 200)
    }

    /// The loop goes on while a large body is read: its answer comes after that of a small request that was sent later.
    @LoopActor @Test func aLargeBodyIsReadOffTheLoop() async throws {
        let api = TestAPI()
        let large = HTTPResponseRecorder()
        let body = TestAPI.chatBody("\"model\":\"base\",\"metadata\":{\"a\":\"\(String(repeating: "x", count: 200_000))\"}")
        api.service.handle(
            HTTPRequest(method: "POST", target: "/v1/chat/completions", body: Array(body.utf8)), HTTPResponder(sink: large))
        #expect(!large.isEnded && api.backend.requests.isEmpty)
        let small = HTTPResponseRecorder()
        api.service.handle(HTTPRequest(method: "GET", target: "/health"), HTTPResponder(sink: small))
        #expect(small.status == 200)
        await large.untilEnded()
        #expect(large.status == 200)
    }

    @LoopActor @Test func aClientThatLeavesWhileItsBodyIsReadCausesNoWork() async throws {
        let api = TestAPI()
        let responder = HTTPResponder(sink: HTTPResponseRecorder())
        let body = TestAPI.chatBody("\"model\":\"base\"") + String(repeating: " ", count: 200_000)
        api.service.handle(HTTPRequest(method: "POST", target: "/v1/chat/completions", body: Array(body.utf8)), responder)
        responder.close()
        #expect(await api.chat("\"model\":\"base\"" + String(repeating: " ", count: 200_000)).status == 200)
        #expect(api.backend.requests.count == 1)
        #expect(api.records.map(\.status) == [499, 200])
    }

    @LoopActor @Test(arguments: [
        ("\"\"", [:]), ("null", [:]), ("\"  \"", [:]), ("{\"x\":1}", ["x": 1]), ("\"{\\\"x\\\": 1}\"", ["x": 1]), ("\"{\\\"x\\\": \\\"cut\"", "{\"x\": \"cut"),
    ] as [(String, JSONValue)])
    func argumentsOfCallsInTheHistoryAreTaken(sent: String, expected: JSONValue) async throws {
        let api = TestAPI()
        let calls = "\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\(sent)}}]"
        for turn in [calls, "\"function_call\":{\"name\":\"f\",\"arguments\":\(sent)}"] {
            let body = "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":null,\(turn)},{\"role\":\"user\",\"content\":\"go on\"}]}"
            let answer = await api.send("POST", "/v1/chat/completions", body)
            #expect(answer.status == 200, "\(answer.text)")
            guard case .chat(let messages, _)? = api.backend.requests.last?.prompt else {
                Issue.record("not a chat")
                return
            }
            #expect(messages[1].toolCalls.map(\.arguments) == [expected])
            #expect(messages[1].toolCalls.map(\.name) == ["f"] && messages[1].content == "")
        }
    }

    /// Comparing or hashing text of this kind takes time that grows with the square of its length: hours for these.
    @LoopActor @Test func longTextsAreNoNames() async throws {
        let marks = "a" + String(repeating: "\u{301}\u{316}", count: 200_000)
        for (fields, param) in [
            ("\"model\":\"\(marks)\"", "model"), ("\"expert\":\"\(marks)\"", "expert"), ("\"\(marks)\":1", nil), ("\"route\":{\"\(marks)\":1}", "route"),
            ("\"merged_adapters\":{\"ids\":[\"\(marks)\"]}", "merged_adapters.ids[0]"), ("\"merged_adapters\":{\"\(marks)\":1}", "merged_adapters"),
            ("\"route\":{\"candidates\":[\"\(marks)\"]}", "route.candidates[0]"), ("\"logit_bias\":{\"\(marks)\":1}", "logit_bias"),
            ("\"tool_choice\":\"\(marks)\"", "tool_choice"), ("\"response_format\":{\"type\":\"\(marks)\"}", "response_format.type"),
            ("\"tools\":[{\"type\":\"\(marks)\"}]", "tools[0].type"),
        ] as [(String, String?)] {
            let answer = await TestAPI().chat(fields)
            #expect(answer.status == 400)
            #expect(answer.body.count < 1_000, "the answer repeats the name")
            #expect(try answer.json().error("param") == param.map(JSONValue.string) ?? .null)
        }
        for body in ["{\"messages\":[{\"role\":\"\(marks)\",\"content\":\"x\"}]}", "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"\(marks)\"}]}]}"] {
            #expect(await TestAPI().send("POST", "/v1/chat/completions", body).status == 400)
        }
        let path = String(repeating: "%CC%81%CC%96", count: 100_000)
        for (method, target, status) in [
            ("GET", "/v1/models/a\(path)", 404), ("GET", "/v1/adapters/a\(path)", 404), ("DELETE", "/v1/adapters/a\(path)", 404), ("GET", "/v1\(path)/models", 404),
            ("GET", "/.\(path)/x", 404),
        ] {
            #expect(await TestAPI().send(method, target).status == status)
        }
        let page = await TestAPI().send("DELETE", "/v1/adapters/bash", headers: ["Origin": "http://\(marks)", "Authorization": marks, "x-team": marks])
        #expect(page.status == 403)
    }

    @LoopActor @Test func bytesThatAreNoTextAndDeepNestingAreRefused() async throws {
        let api = TestAPI()
        let deep = String(repeating: "[", count: 10_000)
        #expect(await api.send("POST", "/v1/chat/completions", deep).status == 400)
        let request = HTTPRequestBuilder.post("/v1/chat/completions", [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D])
        #expect(await HTTPRequestBuilder.answer(request, api.service).status == 400)
    }

    @LoopActor @Test(arguments: [
        ("\"prompt\":[]", "prompt"), ("\"prompt\":3", "prompt"), ("\"model\":\"base\"", "prompt"), ("\"prompt\":[-1]", "prompt[0]"),
        ("\"prompt\":[[]]", "prompt[0]"), ("\"prompt\":\"x\",\"suffix\":\"y\"", "suffix"), ("\"prompt\":\"x\",\"best_of\":2", "best_of"),
        ("\"prompt\":\"x\",\"max_tokens\":-1", "max_tokens"), ("\"prompt\":\"x\",\"echo\":1", "echo"),
        ("\"prompt\":\"x\",\"messages\":[]", "messages"), ("\"prompt\":\"x\",\"logprobs\":true", "logprobs"),
        ("\"prompt\":[\(Array(repeating: "\"x\"", count: 33).joined(separator: ","))],\"n\":2", "prompt"),
    ])
    func aBadCompletionFieldIsNamed(fields: String, param: String) async throws {
        let answer = await TestAPI().send("POST", "/v1/completions", "{\(fields)}")
        #expect(answer.status == 400)
        #expect(try answer.json().error("param") == .string(param), "\(answer.text)")
    }

    @LoopActor @Test func limitsHoldAtTheirEdge() async throws {
        let stops = Array(repeating: "\"s\"", count: 16).joined(separator: ",")
        #expect(await TestAPI().chat("\"stop\":[\(stops)],\"n\":16").status == 200)
        #expect(await TestAPI().chat("\"stop\":[\(stops),\"s\"]").status == 400)
        #expect(await TestAPI().chat("\"stop\":\"\(String(repeating: "s", count: 1024))\"").status == 200)
        #expect(await TestAPI().chat("\"stop\":\"\(String(repeating: "s", count: 1025))\"").status == 400)
    }

    @LoopActor @Test func lenientServersIgnoreUnknownFields() async throws {
        let api = TestAPI(configure: { $0.isLenient = true })
        #expect(await api.chat("\"temprature\":1,\"route\":{\"x\":1}").status == 200)
    }

    @LoopActor @Test(arguments: ["gpt-4o", "bash2", "smol:nope", "../bash"])
    func anUnknownModelIsNeverAnsweredByTheBase(name: String) async throws {
        let api = TestAPI()
        for field in ["model", "expert", "adapter_id"] {
            let answer = await api.chat("\"\(field)\":\"\(name)\"")
            #expect(answer.status == 404)
            let error = try answer.json()
            #expect(error.error("code") == "model_not_found")
            #expect(error.error("param") == .string(field))
        }
        #expect(api.backend.requests.isEmpty)
    }

    @LoopActor @Test(arguments: [
        ("\"model\":\"bash\"", "bash"), ("\"model\":\"smol\"", nil), ("\"model\":\"base\"", nil), ("\"model\":\"smol:sql\"", "sql"),
        ("\"model\":\"smol\",\"expert\":\"sql\"", "sql"), ("\"model\":\"auto\",\"adapter_id\":\"sql\"", "sql"),
        ("\"lora\":[{\"id\":1,\"scale\":1.0}]", "sql"), ("\"lora\":[{\"id\":1,\"scale\":0}]", nil), ("\"lora\":[]", nil),
        ("\"model\":\"sql\",\"expert\":\"sql\"", "sql"), ("\"expert\":null,\"model\":\"bash\"", "bash"),
    ] as [(String, String?)])
    func explicitChoicesNeedNoRouter(fields: String, adapter: String?) async throws {
        let api = TestAPI()
        let answer = await api.chat(fields)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.headers["x-lmoe-route"] == "explicit")
        #expect(api.backend.requests.map(\.adapter) == [adapter])
        #expect(api.services.questions.withLock { $0.isEmpty })
    }

    @LoopActor @Test func aliasesAndTheBasesOtherNamesAreKnown() async throws {
        let aliases = ["gpt-4o-mini", "gpt-4*=base", "t?i=sql", "gone*=nothing", "bash=base"].compactMap(ModelAlias.init(text:))
        let api = TestAPI(configure: { $0.modelAliases = aliases })
        for (name, adapter, route) in [
            ("gpt-4o-mini", "base", "fallback"), ("gpt-4", "base", "explicit"), ("gpt-4-turbo", "base", "explicit"), ("tgi", "sql", "explicit"),
            ("tfi", "sql", "explicit"), ("org/Smol-Instruct", "base", "explicit"), ("bash", "bash", "explicit"),
        ] {
            let answer = await api.chat("\"model\":\"\(name)\"")
            #expect(answer.status == 200, "\(name)")
            #expect(answer.headers["x-lmoe-adapter"] == adapter && answer.headers["x-lmoe-route"] == route, "\(name)")
            let isAlias = !["org/Smol-Instruct", "bash"].contains(name)
            #expect(try answer.json()["model"] == .string(isAlias ? name : adapter == "base" ? "smol" : adapter), "\(name)")
        }
        for name in ["gpt-3", "tgii", "gone1", "GPT-4o-mini"] { #expect(await api.chat("\"model\":\"\(name)\"").status == 404, "\(name)") }
        #expect(try await api.send("GET", "/v1/models/tgi").json()["id"] == "sql")
        #expect(try await api.send("GET", "/v1/models/gpt-4o-mini").json()["id"] == "auto")
        #expect(try await api.send("GET", "/v1/models/org%2FSmol-Instruct").json()["id"] == "smol")
    }

    @Test func aliasesMatchWholeNames() {
        for (pattern, name, isMatch) in [
            ("*", "", true), ("a*b*c", "axxbyyc", true), ("a*b*c", "axxbyy", false), ("**a", "ba", true), ("a?", "a", false), ("a*", "ba", false),
            ("*aab", "aaaaab", true), ("", "", true), ("", "a", false),
        ] {
            #expect(ModelAlias(pattern).matches(name) == isMatch, "\(pattern) \(name)")
        }
        #expect(ModelAlias(text: "=x") == nil && ModelAlias(text: "x=") == nil)
        #expect(ModelAlias(text: "a=b=c") == ModelAlias("a", target: "b=c"))
    }

    @LoopActor @Test func cachesAreApartByKeyWhereThereAreKeys() async throws {
        func partitions(_ separates: Bool?) async -> [String?] {
            let api = TestAPI(configure: {
                $0.keys = APIKeys(users: ["a", "b"], admins: ["c"])
                $0.separatesCaches = separates
            })
            for key in ["a", "b", "c", "a"] { _ = await api.chat("\"model\":\"base\"", headers: ["x-api-key": key]) }
            // What a language model is asked to route a prompt is kept apart in the same way.
            for key in ["a", "b", "c", "a"] {
                _ = await api.chat("\"model\":\"auto\"", headers: ["x-api-key": key])
                _ = await api.send("POST", "/v1/route", "{\"input\":\"hi\"}", headers: ["x-api-key": key])
            }
            let partitions = api.backend.requests.map(\.cachePartition)
            let routed = partitions.suffix(4).flatMap { [$0, $0] }
            #expect(api.services.questions.withLock { $0.map(\.cachePartition) } == routed)
            #expect(Array(partitions.prefix(4)) == Array(partitions.suffix(4)))
            return Array(partitions.prefix(4))
        }
        let apart = await partitions(nil)
        #expect(Set(apart).count == 3 && !apart.contains(nil) && apart[0] == apart[3])
        #expect(await partitions(true) == apart)
        #expect(await partitions(false) == [nil, nil, nil, nil])
        let open = TestAPI()
        _ = await open.chat("\"model\":\"base\"")
        #expect(open.backend.requests.map(\.cachePartition) == [nil])
    }

    @LoopActor @Test func severalAdaptersAndAStrengthReachTheBackend() async throws {
        let api = TestAPI()
        let merged = "\"merged_adapters\":{\"ids\":[\"sql\",\"bash\"],\"weights\":[0.5,2],\"merge_strategy\":\"dare_ties\",\"density\":0.25,\"majority_sign_method\":\"frequency\"}"
        let answer = await api.chat("\(merged),\"scale\":0.5")
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.headers["x-lmoe-route"] == "explicit" && answer.headers["x-lmoe-adapter"] == "sql+bash")
        let parts = [AdapterMerge.Part("sql", weight: 0.5), AdapterMerge.Part("bash", weight: 2)]
        let merge = AdapterMerge(parts, strategy: .dareTies, density: 0.25, majoritySign: .frequency)
        #expect(api.backend.requests.map(\.merge) == [merge] && api.backend.requests.map(\.scale) == [0.5])
        #expect(await api.chat("\"lora\":[{\"id\":0,\"scale\":0.5},{\"id\":1,\"scale\":1}]").status == 200)
        #expect(api.backend.requests.last?.merge == AdapterMerge([.init("bash", weight: 0.5), .init("sql")]))
        #expect(await api.chat("\"model\":\"base\",\"scale\":3").status == 200)
        #expect(api.backend.requests.last?.merge == nil && api.backend.requests.last?.scale == 1, "the base has no strength")
        let lorax = "{\"inputs\":\"x\",\"parameters\":{\"merged_adapters\":{\"ids\":[\"sql\",\"bash\"]}}}"
        #expect(await api.send("POST", "/generate", lorax).status == 200)
        #expect(api.backend.requests.last?.merge == AdapterMerge([.init("sql"), .init("bash")]))
    }

    @LoopActor @Test func routeOptionsReachTheRouterAndTheExplanationComesBack() async throws {
        let api = TestAPI()
        let answer = try await api.chat("\"route\":{\"threshold\":0.25,\"candidates\":[\"sql\"],\"explain\":true}").json()
        let question = try #require(api.services.questions.withLock { $0.first })
        #expect(question.threshold == 0.25)
        #expect(question.candidates == ["sql"])
        #expect(answer["lmoe"]?["route"] == "fallback")
        #expect(answer["lmoe"]?["explanation"]?["route"] == "fallback")
        #expect(answer["model"] == "smol")
    }
}
