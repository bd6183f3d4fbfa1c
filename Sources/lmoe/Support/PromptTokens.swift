import Adapters
import ChatTemplates
import Generation
import Inference
import JSON

/// A prompt as the engine would read it, for commands that look at single steps.
struct PromptTokens {
    enum Prompt {
        case raw(String)
        case chat([ChatMessage])
    }

    let base: BaseModel
    /// Its own chat template wins over the base's.
    let adapter: PinnedAdapter?

    func tokens(_ prompt: Prompt) throws -> [Int32] {
        let text: String
        switch prompt {
        case .raw(let raw): text = raw
        case .chat(let messages):
            let own = try adapter?.chatTemplate.map { source in try ChatTemplate(source: source) }
            guard let template = own ?? base.template else {
                throw Failure(message: "\(base.name) has no chat template; use --raw")
            }
            let turns = messages.map { message -> JSONValue in
                ["role": .string(message.role), "content": .string(message.content)]
            }
            let context: JSONObject = [
                "messages": .array(turns), "add_generation_prompt": true,
                "bos_token": .string(base.tokenizer.beginOfSequence.flatMap(base.tokenizer.piece(of:)) ?? ""),
            ]
            text = try template.render(context)
        }
        let tokens = base.tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true)
        guard !tokens.isEmpty else { throw Failure.usage("the prompt has no tokens") }
        guard tokens.count <= base.decoder.configuration.contextLength else {
            throw Failure(
                message:
                    "the prompt has \(tokens.count) tokens; the context holds \(base.decoder.configuration.contextLength)")
        }
        return tokens
    }
}
