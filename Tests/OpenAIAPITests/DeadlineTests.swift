import Generation
import HTTP
import JSON
import Testing
import UV

@testable import OpenAIAPI

/// Answers whose time is over, and adapters that give way.
@Suite struct DeadlineTests {
    private static let began: ScriptedBackend.Script = { request, stream in
        stream.setDrainHandler {
            if stream.isExpired { stream.send(.finished(.length, .init(promptTokens: 5, cachedTokens: 0, completionTokens: 1), .init())) }
        }
        stream.send(StreamTests.started)
        stream.send(.delta(text: "Hel", logprobs: []))
    }

    @LoopActor private func api(_ milliseconds: Int, _ script: @escaping ScriptedBackend.Script) -> TestAPI {
        let api = TestAPI(script)
        api.services.adjust.withLock { $0 = { $0.notes.timeoutMilliseconds = milliseconds } }
        return api
    }

    @LoopActor @Test func anAnswerThatBeganEndsWithWhatThereIs() async throws {
        let api = api(30, Self.began)
        let answer = await api.chat("\"model\":\"bash\"")
        #expect(answer.status == 200)
        let json = try answer.json()
        #expect(json["choices"]?[0]?["message"]?["content"] == "Hel")
        #expect(json["choices"]?[0]?["finish_reason"] == "length")
        #expect(json["usage"]?["completion_tokens"] == 1)
        #expect(json["lmoe"]?["timed_out"] == true)
    }

    @LoopActor @Test func aStreamThatBeganEndsWithWhatThereIs() async throws {
        let answer = await api(30, Self.began).chat("\"model\":\"auto\",\"stream\":true")
        #expect(answer.events.last == "[DONE]")
        let last = try #require(try answer.eventValues().last)
        #expect(last["choices"]?[0]?["finish_reason"] == "length")
        #expect(last["lmoe"]?["timed_out"] == true)
    }

    @LoopActor @Test func anAnswerThatDidNotBeginIs504() async throws {
        let api = api(20) { _, stream in stream.send(StreamTests.started) }
        let answer = await api.chat("\"model\":\"bash\"")
        #expect(answer.status == 504)
        #expect(try answer.json().error("code") == "timeout")
        #expect(try answer.json().error("message")?.stringValue?.contains("20 ms that `bash` has") == true)
        #expect(api.backend.openStreams.map(\.isCancelled) == [true])
        #expect(api.records.map(\.errorCode) == [.timedOut])
        let stream = await api.chat("\"model\":\"bash\",\"stream\":true")
        #expect(!stream.events.contains("[DONE]"))
        #expect(try stream.eventValues().last?.error("code") == "timeout")
    }

    @LoopActor @Test func anAnswerInTimeIsWhole() async throws {
        let answer = await api(1_200_000, ScriptedBackend.hello).chat("\"model\":\"bash\"")
        #expect(try answer.json()["choices"]?[0]?["finish_reason"] == "stop")
        #expect(try answer.json()["lmoe"]?["timed_out"] == nil)
    }

    @LoopActor @Test func ofSeveralChoicesThoseThatAreWholeStayWhole() async throws {
        let api = api(30) { request, stream in request.id.hasSuffix("-0") ? ScriptedBackend.hello(request, stream) : Self.began(request, stream) }
        let json = try await api.chat("\"model\":\"bash\",\"n\":2").json()
        #expect(json["choices"]?.arrayValue?.map { $0["finish_reason"] } == ["stop", "length"])
    }

    /// The first choice begins; the backend does not come to the others.
    private static let first: ScriptedBackend.Script = { request, stream in if request.id.hasSuffix("-0") { began(request, stream) } }

    @LoopActor @Test func choicesThatHaveNotStartedInTimeEndWithoutText() async throws {
        let api = api(30, Self.first)
        let json = try await api.chat("\"model\":\"bash\",\"n\":16").json()
        let choices = try #require(json["choices"]?.arrayValue)
        #expect(choices.map { $0["finish_reason"] } == Array(repeating: "length", count: 16))
        #expect(choices.map { $0["message"]?["content"] } == ["Hel"] + Array(repeating: "", count: 15))
        #expect(json["usage"]?["completion_tokens"] == 1 && json["usage"]?["prompt_tokens"] == 5)
        #expect(api.backend.openStreams.map(\.isCancelled) == [false] + Array(repeating: true, count: 15))
    }

    @LoopActor @Test func inAStreamTooChoicesThatHaveNotStartedInTimeEndWithoutText() async throws {
        let answer = await api(30, Self.first).chat("\"model\":\"auto\",\"n\":3,\"stream\":true")
        #expect(answer.events.last == "[DONE]")
        let closing = try answer.eventValues().compactMap { event -> String? in
            guard let choice = event["choices"]?[0], choice["finish_reason"] != .null, event["lmoe"]?["timed_out"] == true else { return nil }
            return "\(choice["index"]?.serialized() ?? ""): \(choice["finish_reason"]?.stringValue ?? "")"
        }
        #expect(closing.sorted() == ["0: length", "1: length", "2: length"])
    }

    @LoopActor @Test func aNewVersionThatDoesNotLoadGivesWayToTheAdapter() async throws {
        let api = TestAPI()
        api.backend.refusals.withLock { $0 = ["bash-2": .init(.adapterRejected, "torn")] }
        api.services.adjust.withLock {
            $0 = { choice in
                guard choice.route == .matched else { return }
                choice.adapter = "bash-2"
                choice.notes.canary = .init(of: "bash", adapter: "bash-2", weight: 1, isChosen: true)
            }
        }
        let body = "{\"messages\":[{\"role\":\"user\",\"content\":\"bash please\"}],\"route\":{\"explain\":true}}"
        let answer = await api.send("POST", "/v1/chat/completions", body)
        #expect(answer.status == 200)
        #expect(answer.headers["x-lmoe-adapter"] == "bash" && answer.headers["x-lmoe-route"] == "matched")
        #expect(answer.text.contains("bash-2 was drawn, but has been removed or does not load: bash answers"))
        #expect(api.backend.requests.map(\.adapter) == ["bash-2", "bash"])
    }

    @LoopActor @Test func aDefaultThatDoesNotLoadGivesWayToTheBase() async throws {
        let api = TestAPI()
        api.backend.refusals.withLock { $0 = ["helper": .init(.adapterNotFound, "gone")] }
        api.services.adjust.withLock { $0 = { if $0.route == .fallback { $0.adapter = "helper" } } }
        let answer = await api.chat("")
        #expect(answer.status == 200 && answer.headers["x-lmoe-adapter"] == "base" && answer.headers["x-lmoe-route"] == "fallback")
    }
}
