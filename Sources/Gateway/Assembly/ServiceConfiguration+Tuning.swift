internal import ChatTemplates
internal import Inference
public import Models
public import Tuning

extension ServiceConfiguration {
    /// What tuning needs of the base's files before its weights. Errors: `notOpened`.
    public func openTuningBase(_ files: ModelFiles) throws(GatewayError) -> TuningBase {
        do {
            let tokenizer = try BaseModel.tokenizer(of: files)
            return TuningBase(
                BaseIdentity(files), tokenizer: tokenizer, contextLength: files.configuration.contextLength,
                template: try files.chatTemplate.map { try ChatTemplate(source: $0) },
                toolTemplate: try files.toolTemplate.map { try ChatTemplate(source: $0) }, endOfSequence: files.endOfSequence(tokenizer))
        } catch {
            throw GatewayError(.notOpened, "\(error)", place: base)
        }
    }
}
