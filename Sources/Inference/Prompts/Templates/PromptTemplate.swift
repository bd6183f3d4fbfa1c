import ChatTemplates
import JSON
import Synchronization

/// A chat template with what is known of it. Any thread.
final class PromptTemplate: Sendable {
    let template: ChatTemplate
    /// nil: its model does not think.
    let thinking: ThinkingMarks?
    private let tokens: TemplateTokens
    private let probed = Mutex<TemplateFeatures?>(nil)

    init(_ template: ChatTemplate, _ tokens: TemplateTokens) {
        self.template = template
        self.tokens = tokens
        thinking = ThinkingMarks.of(template: template.source)
    }

    /// Found by rendering it, once.
    var features: TemplateFeatures {
        if let known = probed.withLock({ $0 }) { return known }
        let found = TemplateProbe(template, tokens).features()
        probed.withLock { $0 = found }
        return found
    }
}

/// Texts of the tokens that templates write.
struct TemplateTokens: Sendable {
    var beginOfSequence: String
    var endOfSequence: String
}
