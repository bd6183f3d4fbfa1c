import Generation
import HTTP
import JSON
import Synchronization
import Testing
import UV

@testable import OpenAIAPI

@Suite struct ResponseStoreTests {
    @LoopActor private func post(_ fields: String, _ api: TestAPI, headers: HTTPHeaders = [:]) async throws -> JSONValue {
        try await api.send("POST", "/v1/responses", "{\"model\":\"base\",\(fields)}", headers: headers).json()
    }

    @LoopActor private func messages(_ api: TestAPI) -> [ChatMessage] {
        guard case .chat(let messages, _)? = api.backend.requests.last?.prompt else { return [] }
        return messages
    }

    @LoopActor @Test func aConversationGoesOnWithoutItsInstructions() async throws {
        let api = TestAPI(ScriptedBackend.everything)
        let first = try #require(try await post("\"instructions\":\"Be brief.\",\"input\":\"add\"", api)["id"]?.stringValue)
        let results = "\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"call_abc\",\"output\":\"3\"},{\"type\":\"function_call_output\",\"call_id\":\"call_def\",\"output\":\"noon\"}]"
        let second = try await post("\"previous_response_id\":\"\(first)\",\"instructions\":\"Be kind.\",\(results)", api)
        #expect(second["previous_response_id"] == .string(first))
        #expect(
            messages(api) == [
                ChatMessage(role: "system", content: "Be kind."), ChatMessage(role: "user", content: "add"),
                ChatMessage(
                    role: "assistant", content: "I shall add.", reasoning: "Let me think.",
                    toolCalls: [
                        ToolCall(id: "call_abc", name: "add", arguments: ["a": 1, "b": 2]), ToolCall(id: "call_def", name: "now", arguments: [:]),
                    ]),
                ChatMessage(role: "tool", content: "3", toolCallID: "call_abc"), ChatMessage(role: "tool", content: "noon", toolCallID: "call_def"),
            ])
        // The first may go: the second has all of it.
        #expect(try await api.send("DELETE", "/v1/responses/\(first)").json() == ["id": .string(first), "object": "response", "deleted": true])
        let id = try #require(second["id"]?.stringValue)
        _ = try await post("\"previous_response_id\":\"\(id)\",\"input\":\"go on\"", api)
        #expect(messages(api).count == 6 && messages(api)[0].content == "add")
        for path in ["/v1/responses/\(first)", "/v1/responses/\(first)/input_items"] { #expect(await api.send("GET", path).status == 404) }
        #expect(await api.send("DELETE", "/v1/responses/\(first)").status == 404)
        let gone = try await post("\"previous_response_id\":\"\(first)\",\"input\":\"x\"", api)
        #expect(gone.error("code") == "previous_response_not_found" && gone.error("param") == "previous_response_id")
    }

    @LoopActor @Test func itemsAreListedAndReferredTo() async throws {
        let api = TestAPI()
        let answer = try await post("\"input\":[{\"role\":\"user\",\"content\":\"one\"},{\"id\":\"mine\",\"role\":\"user\",\"content\":\"two\"},{\"role\":\"user\",\"content\":\"three\"}]", api)
        let id = try #require(answer["id"]?.stringValue)
        func list(_ query: String = "") async throws -> JSONValue { try await api.send("GET", "/v1/responses/\(id)/input_items\(query)").json() }
        func texts(_ list: JSONValue) -> [JSONValue?] { list["data"]?.arrayValue?.map { $0["content"]?[0]?["text"] } ?? [] }
        #expect(texts(try await list()) == ["three", "two", "one"])
        let page = try await list("?order=asc&limit=2")
        #expect(texts(page) == ["one", "two"] && page["has_more"] == true && page["last_id"] == "mine")
        let rest = try await list("?order=asc&after=mine")
        #expect(texts(rest) == ["three"] && rest["has_more"] == false)
        #expect(rest["data"]?[0]?["type"] == "message" && rest["data"]?[0]?["id"]?.stringValue?.hasPrefix("msg_") == true)
        #expect(await api.send("GET", "/v1/responses/\(id)/input_items?after=nope").status == 400)
        #expect(await api.send("GET", "/v1/responses/\(id)?stream=true").status == 400)

        let output = try #require(answer["output"]?[0]?["id"]?.stringValue)
        _ = try await post("\"input\":[{\"type\":\"item_reference\",\"id\":\"mine\"},{\"id\":\"\(output)\"},{\"role\":\"user\",\"content\":\"four\"}]", api)
        #expect(messages(api).map(\.content) == ["two", "Hello", "four"] && messages(api).map(\.role) == ["user", "assistant", "user"])
    }

    @LoopActor @Test func responsesBelongToTheirKey() async throws {
        let api = TestAPI(configure: { $0.keys = APIKeys(users: ["a", "b"], admins: ["c"]) })
        let answer = try await post("\"input\":\"secret\"", api, headers: ["x-api-key": "a"])
        let id = try #require(answer["id"]?.stringValue)
        let item = try #require(answer["output"]?[0]?["id"]?.stringValue)
        for key in ["b", "c"] as [String] {
            let other: HTTPHeaders = ["x-api-key": key]
            for (method, path) in [("GET", ""), ("GET", "/input_items"), ("DELETE", ""), ("POST", "/cancel")] {
                #expect(await api.send(method, "/v1/responses/\(id)\(path)", headers: other).status == 404)
            }
            #expect(try await post("\"previous_response_id\":\"\(id)\",\"input\":\"x\"", api, headers: other).error("code") == "previous_response_not_found")
            #expect(try await post("\"input\":[{\"id\":\"\(item)\"}]", api, headers: other).error("param") == "input[0]")
        }
        #expect(await api.send("GET", "/v1/responses/\(id)", headers: ["x-api-key": "a"]).status == 200)
        #expect(await api.send("POST", "/v1/responses/\(id)/cancel", headers: ["x-api-key": "a"]).status == 200, "it stays as it is")
    }

    /// Goes on until its client wants no more.
    private static let endless: ScriptedBackend.Script = { _, stream in
        stream.send(StreamTests.started)
        stream.send(.delta(text: "Hel", logprobs: []))
        stream.setDrainHandler {
            guard stream.isExpired else { return }
            stream.send(.finished(.length, .init(promptTokens: 1, cachedTokens: 0, completionTokens: 1), .init()))
        }
    }

    /// A stream that has begun, and its response's id.
    @LoopActor private func begin(_ api: TestAPI) async throws -> (HTTPResponseRecorder, id: String) {
        let recorder = HTTPResponseRecorder()
        let body = Array("{\"model\":\"base\",\"input\":\"x\",\"stream\":true}".utf8)
        api.service.handle(HTTPRequest(method: "POST", target: "/v1/responses", body: body), HTTPResponder(sink: recorder))
        while recorder.writes.isEmpty { await Task.yield() }
        return (recorder, try #require(try recorder.namedEvents()[0].data["response"]?["id"]?.stringValue))
    }

    @LoopActor @Test func aStreamThatIsDeletedEndsAndIsNotKept() async throws {
        let api = TestAPI(Self.endless)
        let (recorder, id) = try await begin(api)
        #expect(try await api.send("DELETE", "/v1/responses/\(id)").json() == ["id": .string(id), "object": "response", "deleted": true])
        await recorder.untilEnded()
        #expect(try recorder.namedEvents().last?.data["response"]?["status"] == "cancelled")
        #expect(api.service.runningResponses.isEmpty && api.service.responses.count == 0)
        for method in ["GET", "DELETE"] { #expect(await api.send(method, "/v1/responses/\(id)").status == 404) }
    }

    @LoopActor @Test func aStreamIsCancelledFromOutside() async throws {
        let api = TestAPI(Self.endless)
        let (recorder, id) = try await begin(api)
        let cancelled = try await api.send("POST", "/v1/responses/\(id)/cancel").json()
        #expect(cancelled["status"] == "cancelled" && cancelled["output"]?[0]?["content"]?[0]?["text"] == "Hel")
        await recorder.untilEnded()
        let last = try #require(try recorder.namedEvents().last)
        #expect(last.name == "response.incomplete" && last.data["response"] == cancelled)
        #expect(api.service.runningResponses.isEmpty)
        #expect(try await api.send("GET", "/v1/responses/\(id)").json() == cancelled)
        #expect(await api.send("POST", "/v1/responses/resp_nope/cancel").status == 404)
    }

    @LoopActor @Test func clientsThatLeaveAreForgotten() async throws {
        let api = TestAPI { _, stream in stream.send(StreamTests.started) }
        let recorder = HTTPResponseRecorder()
        let responder = HTTPResponder(sink: recorder)
        let body = Array("{\"model\":\"base\",\"input\":\"x\",\"stream\":true}".utf8)
        api.service.handle(HTTPRequest(method: "POST", target: "/v1/responses", body: body), responder)
        while recorder.writes.isEmpty { await Task.yield() }
        #expect(api.service.runningResponses.count == 1)
        responder.close()
        #expect(api.service.runningResponses.isEmpty && api.service.responses.count == 0)
    }

    private static func limits(_ change: (inout APILimits) -> Void) -> APILimits {
        var limits = APILimits()
        change(&limits)
        return limits
    }

    @LoopActor private func entry(_ bytes: Int, _ created: Int = 0) -> ResponseStore.Entry {
        .init(response: [UInt8](repeating: 0, count: bytes), items: [], inputCount: 0, created: created, owner: .anyone)
    }

    @LoopActor @Test func theLongestUnusedLeavesFirst() {
        let store = ResponseStore(limits: Self.limits { $0.storedResponses = 3 }, clock: { 0 })
        for id in ["a", "b", "c"] { store.keep(id, entry(1)) }
        #expect(store.entry("a", of: .anyone) != nil)
        store.keep("d", entry(1))
        #expect(["a", "b", "c", "d"].filter { store.entry($0, of: .anyone) != nil } == ["a", "c", "d"] && store.count == 3)
    }

    @LoopActor @Test func bytesAreBoundedAtTheirEdge() {
        let size = entry(1_000).response.count + 256
        let store = ResponseStore(limits: Self.limits { $0.storedResponseBytes = 3 * size }, clock: { 0 })
        for id in ["a", "b", "c"] { store.keep(id, entry(1_000)) }
        #expect(store.count == 3 && store.byteCount == 3 * size)
        store.keep("d", entry(1_000))
        #expect(store.count == 3 && store.byteCount == 3 * size && store.entry("a", of: .anyone) == nil)
        store.keep("e", entry(3 * size - 256))
        #expect(store.count == 1 && store.byteCount == 3 * size)
        store.keep("f", entry(3 * size - 255))
        #expect(store.entry("f", of: .anyone) == nil && store.entry("e", of: .anyone) != nil, "larger than all may be")
        #expect(store.delete("e", of: .anyone) && store.byteCount == 0)
        let none = ResponseStore(limits: Self.limits { $0.storedResponses = 0 }, clock: { 0 })
        none.keep("a", entry(1))
        #expect(none.count == 0)
    }

    @LoopActor @Test func responsesLeaveAfterTheirTime() {
        let now = Mutex(100)
        let store = ResponseStore(limits: Self.limits { $0.storedResponseSeconds = 10 }, clock: { now.withLock { $0 } })
        store.keep("a", entry(1, 100))
        now.withLock { $0 = 109 }
        store.keep("b", entry(1, 109))
        #expect(store.entry("a", of: .anyone) != nil)
        now.withLock { $0 = 110 }
        #expect(store.entry("a", of: .anyone) == nil && store.count == 1)
        now.withLock { $0 = 119 }
        store.keep("c", entry(1, 119))
        #expect(store.count == 1 && store.byteCount == entry(1).response.count + 256)
    }

    /// Random operations against a plain list: the bounds hold after each.
    @LoopActor @Test func theBoundsHoldUnderRandomUse() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var state = seed
        func draw(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let now = Mutex(0)
        let store = ResponseStore(
            limits: Self.limits {
                $0.storedResponses = 8
                $0.storedResponseBytes = 8_000
                $0.storedResponseSeconds = 50
            }, clock: { now.withLock { $0 } })
        for step in 0..<2_000 {
            now.withLock { $0 += draw(3) }
            let id = "r\(draw(20))"
            switch draw(4) {
            case 0: _ = store.delete(id, of: .anyone)
            case 1: _ = store.entry(id, of: .anyone)
            default: store.keep("\(id)-\(step)", entry(draw(4_000), now.withLock { $0 }))
            }
            #expect(store.count <= 8 && store.byteCount <= 8_000 && (store.count == 0) == (store.byteCount == 0), "seed \(seed)")
        }
    }
}
