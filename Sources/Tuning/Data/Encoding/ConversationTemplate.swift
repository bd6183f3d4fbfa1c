public import ChatTemplates
public import Foundation
public import Generation
public import JSON

/// How a base writes conversations: its chat template with the variables that serving gives it, so that a tuned adapter reads the
/// prompts that it was tuned on.
public struct ConversationTemplate: Sendable {
    private let standard: ChatTemplate
    private let forTools: ChatTemplate?
    private let beginOfSequence: String
    private let endOfSequence: String
    private let date: Date

    /// - Parameters:
    ///   - forTools: for conversations with tools, where the base has another template for them.
    ///   - beginOfSequence: text of the token, for the template; empty where there is none.
    ///   - endOfSequence: likewise.
    ///   - date: what a template that writes today's date writes. A resumed run passes the date of its start.
    public init(
        _ standard: ChatTemplate, forTools: ChatTemplate? = nil, beginOfSequence: String, endOfSequence: String, date: Date = Date()
    ) {
        self.standard = standard
        self.forTools = forTools
        self.beginOfSequence = beginOfSequence
        self.endOfSequence = endOfSequence
        self.date = date
    }

    /// The text of a conversation.
    ///
    /// Arguments of calls are objects, as `transformers` passes them; a template that uses them as text gets JSON text.
    /// - Parameter asksForAnswer: writes after it what stands before an assistant's next answer.
    public func render(
        _ messages: some Sequence<ChatMessage>, tools: [JSONValue], asksForAnswer: Bool
    ) throws(TemplateError) -> String {
        let template = tools.isEmpty ? standard : forTools ?? standard
        let context = TemplateVariables.of(
            Array(messages), tools: tools, asksForAnswer: asksForAnswer, beginOfSequence: beginOfSequence, endOfSequence: endOfSequence)
        do throws(TemplateError) {
            return try template.render(context, now: date)
        } catch {
            guard error.isMisuse, let textual = TemplateVariables.withArgumentsAsText(context) else { throw error }
            return try template.render(textual, now: date)
        }
    }
}
