import ChatTemplates
import Foundation
import Gateway
import Inference
import Models
import Tensors
import Tokenizers
import Tuning

/// The base that tasks are tuned on: what its files say, and, once a step is to be computed, its weights.
struct TuneBase {
    let files: ModelFiles
    let tokenizer: any Tokenizer
    private let template: ChatTemplate?
    private let toolTemplate: ChatTemplate?
    private let endOfSequence: String

    /// Reads headers and the tokenizer, no weights.
    init(_ configuration: ServiceConfiguration) throws {
        files = try configuration.openModelFiles()
        tokenizer = try BaseModel.tokenizer(of: files)
        endOfSequence = files.endOfSequence(tokenizer)
        template = try files.chatTemplate.map { try ChatTemplate(source: $0) }
        toolTemplate = try files.toolTemplate.map { try ChatTemplate(source: $0) }
    }

    var identity: BaseIdentity { BaseIdentity(name: files.name, identity: files.identity) }

    /// Encodes rows as serving encodes prompts. Errors: `invalidSetting` for more tokens than the context holds.
    ///
    /// - Parameter date: what a template that writes today's date writes.
    func encoder(_ plan: TaskPlan, date: Date) throws(TuningError) -> RowEncoder {
        let context = files.configuration.contextLength
        var options = plan.encoding
        if options.maximumTokens > context {
            guard plan.texts.text(.maxTokens) == nil else {
                throw TuningError(
                    .invalidSetting, "\(options.maximumTokens) was given, and the base's context holds \(context) tokens",
                    field: "max-tokens")
            }
            options.maximumTokens = context
        }
        let begin = tokenizer.beginOfSequence.flatMap(tokenizer.piece(of:)) ?? ""
        let template = template.map {
            ConversationTemplate($0, forTools: toolTemplate, beginOfSequence: begin, endOfSequence: endOfSequence, date: date)
        }
        return RowEncoder(tokenizer: tokenizer, template: template, endOfSequence: tokenizer.token(endOfSequence), options: options)
    }

    func weights(_ configuration: ServiceConfiguration, _ pool: WorkerPool) throws -> DecoderWeights {
        Terminal.progress("opening \(configuration.base)")
        return try configuration.openDecoder(files, pool)
    }
}
