import Generation
import JSON

/// The items of an answer as `/v1/responses` writes them.
enum ResponseOutput {
    /// Of an answer that is sent whole: what it thinks, what it says, what it calls.
    static func items(of answer: Answer) -> [JSONValue] {
        let choice = answer.choices[0]
        let status = choice.finish == .length ? "incomplete" : "completed"
        var items: [JSONValue] = []
        if !choice.reasoning.isEmpty { items.append(reasoning(id("rs_", answer, items.count), choice.reasoning)) }
        if !choice.text.isEmpty || (choice.calls.isEmpty && items.isEmpty) {
            let part = part(choice.text, answer.job.topLogprobs == nil ? [] : choice.logprobs)
            items.append(message(id("msg_", answer, items.count), [part], status))
        }
        for call in choice.calls { items.append(self.call(id("fc_", answer, items.count), call, call.arguments, status)) }
        return items
    }

    /// Of the item at a place of the answer.
    static func id(_ prefix: String, _ answer: Answer, _ place: Int) -> String {
        "\(prefix)\(answer.id.dropFirst("resp_".count))\(place)"
    }

    static func message(_ id: String, _ content: [JSONValue], _ status: String) -> JSONValue {
        ["id": .string(id), "type": "message", "status": .string(status), "role": "assistant", "content": .array(content)]
    }

    static func part(_ text: String, _ logprobs: [TokenLogprob]) -> JSONValue {
        ["type": "output_text", "text": .string(text), "annotations": [], "logprobs": .array(entries(logprobs))]
    }

    static func reasoning(_ id: String, _ text: String?) -> JSONValue {
        let summary: [JSONValue] = text.map { [["type": "summary_text", "text": .string($0)]] } ?? []
        return ["id": .string(id), "type": "reasoning", "summary": .array(summary)]
    }

    static func call(_ id: String, _ call: AnsweredCall, _ arguments: String, _ status: String) -> JSONValue {
        [
            "id": .string(id), "type": "function_call", "status": .string(status), "arguments": .string(arguments), "call_id": .string(call.id),
            "name": .string(call.name),
        ]
    }

    static func entries(_ logprobs: [TokenLogprob]) -> [JSONValue] { ChatShape.logprobs(logprobs)["content"]?.arrayValue ?? [] }
}
