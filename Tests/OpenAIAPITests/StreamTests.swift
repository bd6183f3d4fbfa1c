import Generation
import HTTP
import JSON
import TestSupport
import Testing
import UV

@testable import OpenAIAPI

@Suite struct StreamTests {
    static let started = GenerationEvent.started(
        .init(adapter: nil, adapterVersion: nil, promptTokens: 1, cachedTokens: 0))

    /// Lets jobs that were posted to the loop run.
    @LoopActor private func settle() async { for _ in 0..<5 { await Task.yield() } }

    @LoopActor @Test func aClientThatLeavesCancelsItsSequences() async throws {
        let api = TestAPI { _, stream in stream.send(Self.started) }
        let recorder = HTTPResponseRecorder()
        let responder = HTTPResponder(sink: recorder)
        let request = HTTPRequest(
            method: "POST", target: "/v1/chat/completions", body: Array(TestAPI.chatBody("\"model\":\"base\",\"n\":2,\"stream\":true").utf8))
        api.service.handle(request, responder)
        await settle()
        #expect(recorder.isStream)
        #expect(api.backend.openStreams.map(\.isCancelled) == [false, false])
        responder.close()
        #expect(api.backend.openStreams.map(\.isCancelled) == [true, true])
        #expect(api.records.map(\.clientLeft) == [true])
    }

    @LoopActor @Test(arguments: [("/v1/route", "{\"input\":\"hi\"}", "route"), ("/v1/embeddings", "{\"input\":\"hi\",\"model\":\"mini\"}", "embed")])
    func aClientThatLeavesCancelsItsRoutingAndItsEmbedding(path: String, body: String, work: String) async throws {
        let api = TestAPI()
        let services = api.services
        services.waitsForCancellation.withLock { $0 = true }
        let responder = HTTPResponder(sink: HTTPResponseRecorder())
        api.service.handle(HTTPRequest(method: "POST", target: path, body: Array(body.utf8)), responder)
        await settle()
        #expect(services.cancelled.withLock { $0 } == [])
        responder.close()
        try await eventually("the work ends") { @Sendable in services.cancelled.withLock { $0 } == [work] }
    }

    @LoopActor @Test func aClientThatLeavesBeforeTheHeadCountsAs499() async throws {
        let api = TestAPI { _, _ in }
        let responder = HTTPResponder(sink: HTTPResponseRecorder())
        let request = HTTPRequest(
            method: "POST", target: "/v1/chat/completions", body: Array(TestAPI.chatBody("\"model\":\"base\"").utf8))
        api.service.handle(request, responder)
        responder.close()
        #expect(api.backend.openStreams.map(\.isCancelled) == [true])
        #expect(api.records.map(\.status) == [499])
    }

    @LoopActor @Test func theHeadOfAStreamNamesNoAdapterThatFallsBackLater() async throws {
        let api = TestAPI()
        api.backend.held.withLock { $0 = ["sql"] }
        let recorder = HTTPResponseRecorder()
        let body = Array("{\"model\":\"auto\",\"prompt\":[\"bash\",\"sql\"],\"stream\":true}".utf8)
        api.service.handle(HTTPRequest(method: "POST", target: "/v1/completions", body: body), HTTPResponder(sink: recorder))
        while api.backend.heldCount == 0 || api.backend.requests.isEmpty { await Task.yield() }
        await settle()
        #expect(recorder.status == nil, "it is not yet certain who answers the second prompt")
        api.backend.refusals.withLock { $0 = ["sql": .init(.adapterNotFound, "gone")] }
        api.backend.release()
        while recorder.events.last != "[DONE]" { await Task.yield() }
        #expect(recorder.headers["x-lmoe-adapter"] == "bash, base" && recorder.headers["x-lmoe-route"] == "matched, fallback")
    }

    @LoopActor @Test func aSlowReaderFillsItsOwnMailboxOnly() async throws {
        let api = TestAPI { _, stream in stream.send(Self.started) }
        func begin() async -> (HTTPResponseRecorder, HTTPResponder, GenerationStream) {
            let recorder = HTTPResponseRecorder()
            let responder = HTTPResponder(sink: recorder)
            let body = Array(TestAPI.chatBody("\"model\":\"base\",\"stream\":true").utf8)
            api.service.handle(HTTPRequest(method: "POST", target: "/v1/chat/completions", body: body), responder)
            await settle()
            return (recorder, responder, api.backend.openStreams[api.backend.openStreams.count - 1])
        }
        let (slow, slowResponder, slowStream) = await begin()
        let (quick, _, quickStream) = await begin()
        slow.bufferedBytes = slow.saturationBytes
        for _ in 0..<64 {
            slowStream.send(.delta(text: "a", logprobs: []))
            quickStream.send(.delta(text: "b", logprobs: []))
        }
        await settle()
        #expect(slowStream.isSaturated)
        #expect(slow.writes.count == 1)
        #expect(!quickStream.isSaturated)
        #expect(quick.events.count == 65)

        var woken = false
        slowStream.setDrainHandler { LoopActor.assumeIsolated { woken = true } }
        slow.bufferedBytes = 0
        slowResponder.drained()
        #expect(woken)
        #expect(!slowStream.isSaturated)
        #expect(slow.events.count == 65)
    }

    @LoopActor @Test(arguments: [
        (GenerationError(.overloaded, "full", retryAfterSeconds: 7), 429, "rate_limit_error", "rate_limit_exceeded"),
        (GenerationError(.contextLengthExceeded, "long"), 400, "invalid_request_error", "context_length_exceeded"),
        (GenerationError(.draining, "stopping"), 503, "server_error", "draining"),
        (GenerationError(.adapterNotFound, "gone"), 404, "invalid_request_error", "model_not_found"),
        (GenerationError(.adapterRejected, "bad"), 400, "invalid_request_error", "adapter_rejected"),
        (GenerationError(.adapterUnsuitable, "its template refuses"), 400, "invalid_request_error", nil),
    ])
    func aRequestThatFailsBeforeItStartsHasAStatus(
        error: GenerationError, status: Int, type: String, code: String?
    ) async throws {
        for stream in ["false", "true"] {
            let answer = await TestAPI(ScriptedBackend.failing(error)).chat("\"model\":\"sql\",\"stream\":\(stream)")
            #expect(answer.status == status)
            #expect(!answer.isStream)
            #expect(try answer.json().error("type") == .string(type))
            #expect(try answer.json().error("code") == code.map(JSONValue.string) ?? .null)
            if status == 429 { #expect(answer.headers["retry-after"] == "7") }
            if status == 503 { #expect(answer.headers["retry-after"] != nil) }
        }
    }

    @LoopActor @Test func anErrorAfterTheStartEndsTheStreamWithoutDone() async throws {
        let api = TestAPI { _, stream in
            stream.send(Self.started)
            stream.send(.delta(text: "par", logprobs: []))
            stream.send(.failed(GenerationError(.internalFailure, "broken")))
        }
        let answer = await api.chat("\"stream\":true")
        #expect(answer.status == 200)
        #expect(
            answer.events.last
                == "{\"error\":{\"message\":\"the server failed to answer this request; the server's log says more under the request's id\",\"type\":\"server_error\",\"param\":null,\"code\":null}}")
        #expect(answer.events.count == 3)
        #expect(api.records.map(\.errorCode) == [.internalFailure])
        #expect(api.records[0].failure == "broken")
    }

    @LoopActor @Test func oneChoiceThatFailsCancelsTheOthers() async throws {
        let api = TestAPI { request, stream in
            stream.send(Self.started)
            if request.id.hasSuffix("-1") { stream.send(.failed(GenerationError(.internalFailure, "broken"))) }
        }
        let answer = await api.chat("\"n\":3")
        #expect(answer.status == 500)
        #expect(api.backend.openStreams.map(\.isCancelled) == [true, true, true])
    }

    @LoopActor @Test(arguments: [(GenerationError.Code.adapterNotFound, 404), (.adapterRejected, 400), (.adapterUnsuitable, 400)])
    func anAdapterThatIsOfNoUseAfterTheDecisionIsReplacedByTheBase(code: GenerationError.Code, named: Int) async throws {
        let api = TestAPI()
        api.backend.refusals.withLock { $0 = ["bash": GenerationError(code, "gone")] }
        for stream in ["false", "true"] {
            let answer = await api.send(
                "POST", "/v1/completions", "{\"model\":\"auto\",\"prompt\":\"bash\",\"stream\":\(stream)}")
            #expect(answer.status == 200)
            #expect(answer.headers["x-lmoe-route"] == "fallback")
            #expect(answer.headers["x-lmoe-adapter"] == "base")
        }
        #expect(await api.send("POST", "/v1/completions", "{\"model\":\"bash\",\"prompt\":\"bash\"}").status == named)
        #expect(api.records.count == 3)
    }

    /// One adapter of three is gone: the other two prompts keep theirs, and run once.
    @LoopActor @Test func onlyThePromptWhoseAdapterIsGoneFallsBack() async throws {
        let api = TestAPI()
        api.backend.refusals.withLock { $0 = ["sql": .init(.adapterRejected, "torn")] }
        let body = "{\"model\":\"auto\",\"prompt\":[\"bash 1\",\"sql 2\",\"bash 3\"],\"route\":{\"explain\":true}"
        let answer = await api.send("POST", "/v1/completions", "\(body)}")
        #expect(answer.status == 200)
        #expect(answer.headers["x-lmoe-adapter"] == "bash, base, bash")
        #expect(answer.headers["x-lmoe-route"] == "matched, fallback, matched")
        let prompts = try answer.json()["lmoe"]?["prompts"]?.arrayValue ?? []
        #expect(prompts.map { $0["adapter"] } == ["bash", .null, "bash"])
        #expect(prompts[1]["explanation"]?["reason"] == "sql was chosen, but has been removed or does not load: the base answers")
        #expect(api.backend.requests.filter { $0.adapter == "bash" }.count == 2)
        #expect(api.records[0].decisions.map { $0?.adapter } == ["bash", nil, "bash"])

        let stream = await api.send("POST", "/v1/completions", "\(body),\"stream\":true}")
        #expect(stream.status == 200 && stream.events.last == "[DONE]")
        let models = try stream.eventValues().compactMap { event in event["choices"]?[0]?["finish_reason"] == .null ? nil : event["model"] }
        #expect(Set(models.compactMap(\.stringValue)) == ["bash", "smol"])
        #expect(api.backend.requests.filter { $0.adapter == "bash" }.count == 4)
    }

    /// The head of a stream names the adapter of every prompt, so frames of the first wait until that is certain.
    @LoopActor @Test func theHeadOfAStreamWaitsForEveryDecision() async throws {
        let answer = await TestAPI().send(
            "POST", "/v1/completions", "{\"prompt\":[\"bash\",\"sql\",\"else\"],\"stream\":true}")
        #expect(answer.headers["x-lmoe-adapter"] == "bash, sql, base")
        #expect(answer.events.last == "[DONE]")
    }
}
