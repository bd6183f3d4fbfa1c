import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

@Suite struct MemoryTests {
    private static let path = "/v1/memories"
    private static let door = "{\"question\":\"What is the door code?\",\"answer\":\"4711\",\"paraphrases\":[\"Which code opens the door?\"]}"

    @LoopActor @Test func aFactIsToldListedChangedAndForgotten() async throws {
        let api = TestAPI(memories: ScriptedMemories())
        let told = await api.send("POST", Self.path, Self.door)
        let shape = """
            {"id":"bash:1","object":"memory","memory":"bash","question":"What is the door code?","answer":"4711",\
            "paraphrases":["Which code opens the door?"],"source":null,"created_at":7
            """
        #expect(told.status == 200 && told.text == shape + ",\"status\":\"added\"}")
        #expect(await api.send("GET", "\(Self.path)/bash:1").text == shape + "}")
        #expect(await api.send("GET", "\(Self.path)?contains=door&limit=1").text == "{\"object\":\"list\",\"data\":[\(shape)}],\"has_more\":false,\"next_after\":null}")
        let changed = try await api.send("PATCH", "\(Self.path)/bash:1", "{\"answer\":\"1234\"}").json()
        #expect(changed["answer"] == "1234" && changed["question"] == "What is the door code?")
        #expect(try await api.send("DELETE", "\(Self.path)/bash:1").json()["deleted"] == true)
        for number in 1...3 { _ = await api.send("POST", Self.path, "{\"question\":\"\(number)?\",\"answer\":\"b\"}") }
        let page = try await api.send("GET", "\(Self.path)?limit=2").json()
        #expect(page["has_more"] == true && page["next_after"] == "bash:2")
        let rest = try await api.send("GET", "\(Self.path)?limit=2&after=bash:2").json()
        #expect(rest["data"]?.arrayValue?.count == 1 && rest["has_more"] == false && rest["next_after"] == .null)
        for method in ["GET", "DELETE"] {
            let gone = await api.send(method, "\(Self.path)/bash:9")
            #expect(gone.status == 404)
            #expect(try gone.json().error("code") == "fact_not_found")
        }
    }

    @LoopActor @Test func aContradictionIsSaidAndTheClientDecides() async throws {
        let api = TestAPI(memories: ScriptedMemories())
        func tell(_ answer: String, _ more: String = "") async -> HTTPResponseRecorder {
            await api.send("POST", Self.path, "{\"question\":\"What is the door code?\",\"answer\":\"\(answer)\"\(more)}")
        }
        #expect(await tell("4711").status == 200)
        #expect(try await tell("4711").json()["status"] == "known")
        let conflict = await tell("1234")
        #expect(conflict.status == 409)
        #expect(try conflict.json().error("code") == "fact_conflict")
        #expect(try await tell("1234", ",\"on_conflict\":\"replace\"").json()["status"] == "replaced")
        #expect(try await tell("9", ",\"on_conflict\":\"add\"").json()["status"] == "added")
    }

    @LoopActor @Test func ofAListEachFactIsStoredOrHasAnErrorOfItsOwn() async throws {
        let api = TestAPI(memories: ScriptedMemories())
        let body = "{\"facts\":[{\"question\":\"a?\",\"answer\":\"b\"},{\"question\":\"c?\",\"answer\":\"unlearnable\"},{\"question\":\"d?\",\"answer\":\"e\"}]}"
        let answer = await api.send("POST", Self.path, body)
        #expect(answer.status == 200)
        let data = try #require(try answer.json()["data"]?.arrayValue)
        #expect(data.map { $0["object"] } == ["memory", "error", "memory"])
        #expect(data[1]["error"]?["param"] == "answer")
    }

    @LoopActor @Test(arguments: [
        ("{}", "question"), ("{\"question\":\"a?\"}", "answer"), ("{\"question\":1,\"answer\":\"b\"}", "question"),
        ("{\"question\":\"a?\",\"answer\":\"b\",\"paraphrases\":\"c\"}", "paraphrases"), ("{\"facts\":[]}", "facts"),
        ("{\"facts\":[{\"question\":\"a?\"}]}", "facts[0].answer"), ("{\"facts\":[],\"question\":\"a?\"}", "question"),
        ("{\"question\":\"a?\",\"answer\":\"b\",\"on_conflict\":\"maybe\"}", "on_conflict"), ("{\"question\":\"a?\",\"answer\":\"b\",\"x\":1}", "x"),
        ("{\"question\":\"a?\",\"answer\":\"b\",\"memory\":\"nothing\"}", "memory"),
    ])
    func badRequestsNameTheField(body: String, param: String) async throws {
        let answer = await TestAPI(memories: ScriptedMemories()).send("POST", Self.path, body)
        #expect(answer.status == 400 || answer.status == 404, "\(body)")
        #expect(try answer.json().error("param") == .string(param))
    }

    @LoopActor @Test(arguments: ["bash", "bash:", "bash:x", ":1", "bash:-1", "nothing:1"])
    func aNameThatIsNoFactIs404(name: String) async throws {
        let answer = await TestAPI(memories: ScriptedMemories()).send("GET", "\(Self.path)/\(name)")
        #expect(answer.status == 404, "\(name)")
    }

    @LoopActor @Test func whereThereAreSeveralMemoriesTheRequestNamesOneOrTheSettingsDo() async throws {
        let several = ScriptedMemories(["bash", "sql"])
        let unsaid = await TestAPI(memories: several).send("POST", Self.path, Self.door)
        #expect(unsaid.status == 400)
        #expect(try unsaid.json().error("param") == "memory")
        let preset = TestAPI(memories: several, configure: { $0.memories = ["sql"] })
        #expect(try await preset.send("POST", Self.path, Self.door).json()["memory"] == "sql")
        #expect(await TestAPI().send("POST", Self.path, Self.door).status == 501)
    }

    @LoopActor @Test func usersTellFactsWhereTheOperatorAllowsItInTheMemoriesThatTheyMayUse() async throws {
        let keys = try APIKeys(file: "team-a:a\nteam-b:b\nadmin:root\n")
        for allows in [false, true] {
            let api = TestAPI(memories: ScriptedMemories(["sql"])) { configuration in
                configuration.keys = keys
                configuration.usersMayTell = allows
            }
            func tell(_ key: String) async -> Int? {
                await api.send("POST", Self.path, Self.door, headers: ["Authorization": "Bearer \(key)"]).status
            }
            #expect(await tell("root") == 200)
            #expect(await tell("a") == (allows ? 200 : 403))
            #expect(await tell("b") == (allows ? 400 : 403), "sql is not for team-b")
        }
    }

    @LoopActor @Test func aRequestNamesTheMemoriesThatAreAsked() async throws {
        for (field, expected) in [
            ("", ["sql"]), ("\"memory\": true", ["sql"]), ("\"memory\": null", ["sql"]), ("\"memory\": false", []),
            ("\"memory\": \"bash\"", ["bash"]), ("\"memory\": [\"bash\", \"sql\", \"bash\"]", ["bash", "sql"]),
        ] as [(String, [String])] {
            let api = TestAPI(configure: { $0.memories = ["sql", "gone"] })
            #expect(await api.chat(field).status == 200, "\(field)")
            #expect(api.backend.requests.last?.memories == expected, "\(field)")
        }
        for (field, status) in [("\"memory\": \"nothing\"", 404), ("\"memory\": 3", 400), ("\"memory\": \"base\"", 400)] {
            #expect(await TestAPI().chat(field).status == status, "\(field)")
        }
    }

    @LoopActor @Test func theAnswerSaysWhichFactItIs() async throws {
        let api = TestAPI { _, stream in
            let recall = MemoryRecall(memory: "bash", fact: 7, question: "a?", score: 3.25, threshold: 2.5, margin: 0.75)
            let asked = [AskedMemory(memory: "bash", isOpen: true, milliseconds: 0.5)]
            stream.send(.started(.init(adapter: nil, adapterVersion: nil, promptTokens: 5, cachedTokens: 0, recall: recall, asked: asked)))
            stream.send(.delta(text: "b", logprobs: []))
            stream.send(.finished(.stop, .init(promptTokens: 5, cachedTokens: 0, completionTokens: 1), .init()))
        }
        let report = try await api.chat("").json()["lmoe"]
        #expect(report?["memory"] == ["memory": "bash", "fact": 7, "question": "a?", "score": 3.25, "threshold": 2.5, "margin": 0.75])
        let record = try #require(api.records.first?.memories.first)
        #expect(record.prompt == 0 && record.asked.map(\.memory) == ["bash"] && record.recall?.fact == 7)
        #expect(record.recall?.question == nil, "records have no texts")
    }

    /// A fact of `bash` answers each request that asks a memory or is for `bash`.
    private static let remembering: ScriptedBackend.Script = { request, stream in
        let isAsked = !request.memories.isEmpty || request.adapter == "bash"
        let recall = isAsked ? MemoryRecall(memory: "bash", fact: 7, question: "a?", score: 3.25, threshold: 2.5) : nil
        stream.send(.started(.init(adapter: request.adapter, adapterVersion: nil, promptTokens: 5, cachedTokens: 0, recall: recall)))
        stream.send(.delta(text: isAsked ? "4711" : "no idea", logprobs: []))
        stream.send(.finished(.stop, .init(promptTokens: 5, cachedTokens: 0, completionTokens: 1), .init()))
    }

    @LoopActor @Test func aRequestIsToldWhatWouldHaveComeWithoutTheMemory() async throws {
        let fields = "\"memory\":{\"names\":\"bash\",\"explain\":true},\"model\":\"sql\",\"seed\":5,\"max_tokens\":9"
        let api = TestAPI(Self.remembering)
        let answer = try await api.chat(fields).json()
        #expect(answer["choices"]?[0]?["message"]?["content"] == "4711" && answer["usage"]?["completion_tokens"] == 1)
        #expect(answer["lmoe"]?["memory"]?["fact"] == 7 && answer["lmoe"]?["memory"]?["without"] == "no idea")
        let requests = api.backend.requests
        #expect(requests.map(\.memories) == [["bash"], []] && requests.map(\.adapter) == ["sql", "sql"])
        #expect(requests.map(\.maxTokens) == [9, 9] && requests.map(\.sampling.seed) == [5, 5])

        let stream = try await api.chat(fields + ",\"stream\":true").eventValues()
        #expect(stream.first?["lmoe"]?["memory"]?["fact"] == 7 && stream.first?["lmoe"]?["memory"]?["without"] == nil)
        #expect(stream.last?["lmoe"]?["memory"] == ["without": "no idea"] && stream.last?["choices"]?[0]?["finish_reason"] == "stop")
    }

    @LoopActor @Test func withoutAMemoryThatAnswersAsAnAdapterTheBaseAnswers() async throws {
        let api = TestAPI(Self.remembering)
        let answer = try await api.chat("\"memory\":{\"names\":false,\"explain\":true},\"model\":\"bash\",\"n\":2").json()
        #expect(answer["lmoe"]?["memory"]?["without"] == "no idea")
        #expect(api.backend.requests.map(\.adapter) == ["bash", "bash", nil], "one text for all choices")
    }

    @LoopActor @Test func nothingIsGeneratedWhereNoFactAnswersOrNobodyAsks() async throws {
        for fields in ["\"memory\":{\"explain\":true}", "\"memory\":\"bash\"", "\"memory\":{\"names\":[\"bash\"],\"explain\":false}"] {
            let api = TestAPI(Self.remembering)
            let report = try await api.chat(fields).json()["lmoe"]
            #expect(api.backend.requests.count == 1 && report?["memory"]?["without"] == nil, "\(fields)")
        }
        for field in ["\"memory\":{\"explain\":1}", "\"memory\":{\"explains\":true}", "\"memory\":{\"names\":3}"] {
            #expect(await TestAPI().chat(field).status == 400, "\(field)")
        }
    }

    @LoopActor @Test(arguments: [false, true]) func aTextThatCannotBeGeneratedLeavesTheAnswerWhole(isStream: Bool) async throws {
        let api = TestAPI { request, stream in
            if request.memories.isEmpty { return stream.send(.failed(GenerationError(.overloaded, "64 requests wait"))) }
            Self.remembering(request, stream)
        }
        let answer = await api.chat("\"memory\":{\"names\":\"bash\",\"explain\":true},\"stream\":\(isStream)")
        let last = isStream ? try #require(try answer.eventValues().last) : try answer.json()
        #expect(answer.status == 200 && last["choices"]?[0]?["finish_reason"] == "stop")
        #expect(last["lmoe"]?["memory"]?["without"] == .null && last["lmoe"]?["memory"]?["without_error"] == "64 requests wait")
    }

    @LoopActor @Test func anAnswerWhoseTimeIsOverDoesNotWaitForTheTextWithoutTheMemory() async throws {
        let api = TestAPI { request, stream in
            if request.memories.isEmpty {
                stream.setDrainHandler {
                    if stream.isExpired { stream.send(.finished(.length, .init(promptTokens: 5, cachedTokens: 0, completionTokens: 1), .init())) }
                }
                stream.send(StreamTests.started)
                return stream.send(.delta(text: "no", logprobs: []))
            }
            Self.remembering(request, stream)
        }
        api.services.adjust.withLock { $0 = { $0.notes.timeoutMilliseconds = 30 } }
        let answer = try await api.chat("\"memory\":{\"names\":\"bash\",\"explain\":true},\"model\":\"sql\"").json()
        #expect(answer["choices"]?[0]?["finish_reason"] == "stop" && answer["lmoe"]?["memory"]?["without"] == "no")
    }
}
