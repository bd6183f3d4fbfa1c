import ChatTemplates
import Models
import Tensors
import Tokenizers

/// Why a base model could not be opened. The message names the file and the finding.
public struct BaseModelError: Error, Sendable, CustomStringConvertible {
    public var message: String

    public var description: String { message }
}

extension BaseModel {
    /// Opens a GGUF file or a Hugging Face folder and loads its weights.
    ///
    /// - Parameters:
    ///   - precision: `fast` serves; `reference` is for parity checks.
    ///   - pool: the threads of each step.
    ///   - keyValueFormat: of the fast path's caches.
    public static func open(
        _ path: String, precision: ModelPrecision = .fast, pool: WorkerPool, keyValueFormat: KeyValueFormat = .f16
    ) throws(BaseModelError) -> BaseModel {
        do {
            let files = try ModelFiles.open(path)
            let tokenizer = try tokenizer(of: files)
            guard tokenizer.vocabularySize <= files.configuration.vocabulary else {
                throw BaseModelError(
                    message: "\(path): the tokenizer has \(tokenizer.vocabularySize) tokens, the model's embedding "
                        + "\(files.configuration.vocabulary) rows")
            }
            let template = try files.chatTemplate.map { try ChatTemplate(source: $0) }
            let toolTemplate = try files.toolTemplate.map { try ChatTemplate(source: $0) }
            return BaseModel(
                name: files.name,
                decoder: try DecoderWeights(files, precision: precision, pool: pool, keyValueFormat: keyValueFormat),
                weights: BaseWeights(files), pool: pool, tokenizer: tokenizer, template: template,
                toolTemplate: toolTemplate, endOfSequencePiece: files.endOfSequence(tokenizer), paddingPiece: files.padding)
        } catch let error as BaseModelError {
            throw error
        } catch {
            throw BaseModelError(message: "\(path): \(error)")
        }
    }

    /// The tokenizer that a model's files describe.
    public static func tokenizer(of files: ModelFiles) throws -> any Tokenizer {
        switch files.tokenizer {
        case .file(let path, let configPath):
            return try DecoderTokenizer.load(tokenizerJSON: path, configPath: configPath)
        case .gguf(let description) where description.model == "llama":
            return try SentencePieceTokenizer(
                vocabulary: SentencePieceVocabulary(
                    tokens: description.tokens, types: description.types, scores: description.scores,
                    beginOfSequence: description.bos, endOfSequence: description.eos, endOfTurn: description.eot,
                    unknown: description.unknown, addBeginOfSequence: description.addBOS,
                    addEndOfSequence: description.addEOS, addSpacePrefix: description.addSpacePrefix))
        case .gguf(let description):
            guard description.model == "gpt2" else {
                throw BaseModelError(
                    message: "its tokenizer is `\(description.model)`; byte-level BPE (`gpt2`) and SentencePiece (`llama`) "
                        + "are what is supported")
            }
            return try BytePairTokenizer(
                vocabulary: BytePairVocabulary(
                    tokens: description.tokens, types: description.types, merges: description.merges,
                    preTokenizer: description.preTokenizer ?? "default", beginOfSequence: description.bos,
                    endOfSequence: description.eos, endOfTurn: description.eot,
                    addBeginOfSequence: description.addBOS, addEndOfSequence: description.addEOS))
        }
    }
}

extension AdapterPromptCheck.Base {
    /// Reads the tokenizer of a model's files; its weights are not read.
    public init(_ files: ModelFiles) throws {
        let tokenizer = try BaseModel.tokenizer(of: files)
        self.init(tokenizer: tokenizer, endOfSequence: files.endOfSequence(tokenizer))
    }
}

extension ModelFiles {
    /// Text of the end-of-sequence token; empty where there is none.
    public func endOfSequence(_ tokenizer: any Tokenizer) -> String {
        let token: Int32? =
            if case .gguf(let description) = self.tokenizer { description.eos } else { tokenizer.endOfSequence.min() }
        return token.flatMap(tokenizer.piece(of:)) ?? ""
    }
}
