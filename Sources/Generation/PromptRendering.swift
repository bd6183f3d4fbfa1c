public import JSON

/// How a conversation becomes a prompt.
public struct PromptRendering: Sendable, Equatable {
    /// More variables of the template, such as `enable_thinking`. They may not replace the conversation.
    public var variables: JSONObject = [:]
    /// The prompt ends with what stands before an assistant's answer.
    public var asksForAnswer = true
    /// The answer goes on with the last message, which stays open.
    public var continuesFinalMessage = false
    /// What the model thinks comes as `GenerationEvent.reasoning`; false: as text, with the marks around it.
    public var separatesReasoning = false

    /// Variables that a request may not set: they are the conversation and the model's own.
    public static let reservedVariables: Set<String> = ["messages", "tools", "add_generation_prompt", "bos_token", "eos_token"]

    public init() {}
}
