import Generation

@testable import OpenAIAPI

extension ScriptedBackend {
    /// Thinks, says something and calls `add` and `now`, in pieces.
    static let everything: Script = { request, stream in
        stream.send(.started(.init(adapter: request.adapter, adapterVersion: nil, promptTokens: 5, cachedTokens: 2)))
        stream.send(.reasoning(text: "Let me ", logprobs: []))
        stream.send(.reasoning(text: "think.", logprobs: []))
        stream.send(.delta(text: "I shall ", logprobs: []))
        stream.send(.delta(text: "add.", logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 0, id: "call_abc", name: "add"), logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 0, arguments: "{\"a\": 1, "), logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 0, arguments: "\"b\": 2}"), logprobs: []))
        stream.send(.toolCall(ToolCallPart(index: 1, id: "call_def", name: "now", arguments: "{}"), logprobs: []))
        stream.send(.finished(.toolCalls, .init(promptTokens: 5, cachedTokens: 2, completionTokens: 20), timings))
    }

    /// Says `Hel` and is cut off.
    static let cut: Script = { request, stream in
        stream.send(.started(.init(adapter: request.adapter, adapterVersion: nil, promptTokens: 5, cachedTokens: 2)))
        stream.send(.delta(text: "Hel", logprobs: []))
        stream.send(.finished(.length, .init(promptTokens: 5, cachedTokens: 2, completionTokens: 1), timings))
    }

    /// Says `Hel` and fails.
    static let broken: Script = { request, stream in
        stream.send(.started(.init(adapter: request.adapter, adapterVersion: nil, promptTokens: 5, cachedTokens: 2)))
        stream.send(.delta(text: "Hel", logprobs: []))
        stream.send(.failed(GenerationError(.internalFailure, "broken")))
    }

    /// Ends without a word.
    static let silent: Script = { request, stream in
        stream.send(.started(.init(adapter: request.adapter, adapterVersion: nil, promptTokens: 5, cachedTokens: 2)))
        stream.send(.finished(.stop, .init(promptTokens: 5, cachedTokens: 2, completionTokens: 1), timings))
    }
}
