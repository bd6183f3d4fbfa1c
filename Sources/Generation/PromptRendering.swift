public import JSON

/// How a conversation becomes a prompt.
public struct PromptRendering: Sendable, Equatable {
    /// More variables of the template, such as `enable_thinking`. They may not replace the conversation.
    public var variables: JSONObject = [:]
    /// The prompt ends with what stands before an assistant's answer.
    public var asksForAnswer = true
    /// The answer goes on with the last message, which stays open.
    public var continuesFinalMessage = false

    public init() {}
}
