public import ChatTemplates
public import Foundation
public import Tokenizers

/// What tasks need of their base before its weights: its name, its tokenizer and its templates.
public struct TuningBase: Sendable {
    public let identity: BaseIdentity
    public let tokenizer: any Tokenizer
    /// Tokens.
    public let contextLength: Int
    private let template: ChatTemplate?
    private let toolTemplate: ChatTemplate?
    private let endOfSequence: String

    /// - Parameters:
    ///   - template: of conversations; nil: the base has none.
    ///   - toolTemplate: of conversations with tools, where that is another one.
    ///   - endOfSequence: text of that token; empty where there is none.
    public init(
        _ identity: BaseIdentity, tokenizer: any Tokenizer, contextLength: Int, template: ChatTemplate?, toolTemplate: ChatTemplate? = nil,
        endOfSequence: String
    ) {
        self.identity = identity
        self.tokenizer = tokenizer
        self.contextLength = contextLength
        self.template = template
        self.toolTemplate = toolTemplate
        self.endOfSequence = endOfSequence
    }

    /// Encodes rows as serving encodes prompts. Errors: `invalidSetting` for more tokens than the context holds.
    ///
    /// - Parameter date: what a template that writes today's date writes.
    public func encoder(_ plan: TaskPlan, date: Date) throws(TuningError) -> RowEncoder {
        var options = plan.encoding
        if options.maximumTokens > contextLength {
            guard plan.texts.text(.maxTokens) == nil else {
                throw TuningError(
                    .invalidSetting, "\(options.maximumTokens) was given, and the base's context holds \(contextLength) tokens",
                    field: "max-tokens")
            }
            options.maximumTokens = contextLength
        }
        let begin = tokenizer.beginOfSequence.flatMap(tokenizer.piece(of:)) ?? ""
        let template = template.map {
            ConversationTemplate($0, forTools: toolTemplate, beginOfSequence: begin, endOfSequence: endOfSequence, date: date)
        }
        return RowEncoder(tokenizer: tokenizer, template: template, endOfSequence: tokenizer.token(endOfSequence), options: options)
    }
}
