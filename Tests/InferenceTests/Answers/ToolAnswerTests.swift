import Generation
import JSON
import Testing

@testable import Inference

/// Calls from end to end, with the real base, which shows no functions and was not trained to call them.
@Suite("Tool answers", .serialized)
struct ToolAnswerTests {
    private static let weather = ToolFunction(
        name: "get_weather", description: "Tells the weather of a city.",
        parameters: [
            "type": "object",
            "properties": ["city": ["type": "string", "maxLength": 20], "unit": ["type": "string", "enum": ["celsius", "fahrenheit"]]],
            "required": ["city", "unit"],
        ])
    private static let clock = ToolFunction(name: "get_time", description: "Tells the time.", parameters: ["type": "object", "properties": [:]])

    private func answer(
        _ choice: ToolChoice, to messages: [ChatMessage] = [ChatMessage(role: "user", content: "What is the weather in Paris?")],
        _ change: (inout GenerationRequest) -> Void = { _ in }
    ) async throws -> Answer {
        var request = GenerationRequest(
            id: "a", prompt: .chat(messages, tools: [Self.weather, Self.clock]), sampling: .greedy, maxTokens: 120)
        request.toolChoice = choice
        change(&request)
        return try await RealEngine.shared.get().engine.answer(request)
    }

    private func check(_ call: ToolCallPart) throws {
        let id = try #require(call.id)
        #expect(id.hasPrefix("call_") && id.count == 29)
        let arguments = try JSONValue.parse(call.arguments)
        guard call.name == "get_weather" else { return #expect(arguments == [:]) }
        #expect(arguments["city"]?.stringValue != nil)
        #expect(["celsius", "fahrenheit"].contains(arguments["unit"]?.stringValue))
    }

    @Test("a required call comes, whole, with arguments that satisfy the schema, greedy and drawn")
    func required() async throws {
        for seed in [nil, 1, 2, 3, 4] as [UInt64?] {
            let answer = try await answer(ToolChoice(.required, isParallel: seed == 4)) {
                guard let seed else { return }
                $0.sampling = SamplingParameters()
                $0.sampling.seed = seed
                $0.maxTokens = 400
            }
            #expect(answer.failure == nil && answer.start?.toolPrompt == .generic)
            #expect(answer.text.isEmpty && !answer.calls.isEmpty)
            if answer.reason == .toolCalls { for call in answer.calls { try check(call) } } else { #expect(answer.reason == .length && seed == 4) }
        }
    }

    @Test("a named function is called once, and the reason is an end like any other")
    func named() async throws {
        let answer = try await answer(ToolChoice(.named("get_time")))
        #expect(answer.calls.map(\.name) == ["get_time"])
        #expect(answer.calls.map(\.arguments) == ["{}"])
        #expect(answer.reason == .stop && answer.text.isEmpty)
        let allowed = try await self.answer(ToolChoice(.required, allowed: ["get_time"], isParallel: false))
        #expect(allowed.calls.map(\.name) == ["get_time"] && allowed.reason == .toolCalls)
    }

    @Test("log-probabilities come with every token of a call, and results of calls are read")
    func loop() async throws {
        let first = try await answer(ToolChoice(.named("get_weather"))) { $0.topLogprobs = 0 }
        let call = try #require(first.calls.first)
        #expect(first.logprobs.count == first.usage?.completionTokens)
        let arguments = ToolCall.arguments(.string(call.arguments))
        let messages = [
            ChatMessage(role: "user", content: "What is the weather in Paris?"),
            ChatMessage(role: "assistant", content: "", toolCalls: [ToolCall(id: call.id ?? "", name: call.name ?? "", arguments: arguments)]),
            ChatMessage(role: "tool", content: "Sunny, 21 degrees.", toolCallID: call.id),
        ]
        let second = try await answer(ToolChoice(.none), to: messages)
        #expect(second.failure == nil && second.calls.isEmpty && !second.text.isEmpty && second.start?.toolPrompt == nil)
    }

    /// Lets only these tokens come, then the end.
    private struct Script: TokenConstraint {
        var tokens: [Int32]
        var place = 0

        private var next: Int32 { tokens[min(place, tokens.count - 1)] }

        mutating func mask(_ logits: UnsafeMutableBufferPointer<Float>) {
            for token in logits.indices where token != Int(next) { logits[token] = -.infinity }
        }

        func allows(_ token: Int32) -> Bool { token == next }
        mutating func accept(_ token: Int32) { place += 1 }
    }

    @Test("what a model writes before and between calls is text, as it comes out of the engine")
    func scripted() async throws {
        let real = try RealEngine.shared.get()
        let text = "I look.\n<tool_call>\n{\"name\": \"get_time\", \"arguments\": {}}\n</tool_call>"
        let end = try #require(real.base.tokenizer.endOfSequence.min())
        let constraints: ConstraintSource = { (_, context) throws(GenerationError) in
            Script(tokens: context.tokenizer.encode(text, addSpecialTokens: false, parseSpecial: false) + [end])
        }
        let engine = try Engine(base: real.base, store: nil, constraints: constraints)
        let request = GenerationRequest(
            id: "a", prompt: .chat([ChatMessage(role: "user", content: "Time?")], tools: [Self.clock]), sampling: .greedy, maxTokens: 100)
        let answer = await engine.answer(request)
        #expect(answer.text == "I look.\n" && answer.calls.map(\.arguments) == ["{}"] && answer.reason == .toolCalls)
        await engine.settle()
    }
}
