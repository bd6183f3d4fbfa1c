import ChatTemplates
import Memory
import Models
import Tensors
import TestSupport
import Tokenizers

/// The real base with a calibration of the layer that carries memory, made once.
struct RealBase {
    static let shared = Result { try RealBase() }

    let base: MemoryBase
    let pool = WorkerPool(threads: 2)
    let calibration: MemoryCalibration

    static let site = 27

    private init() throws {
        let files = try ModelFiles.open(Checkout.model("base.gguf"))
        guard case .gguf(let description) = files.tokenizer, let template = files.chatTemplate else {
            throw MemoryError(.malformed, "the base has no tokenizer or template")
        }
        let tokenizer = try BytePairTokenizer(
            vocabulary: BytePairVocabulary(
                tokens: description.tokens, types: description.types, merges: description.merges,
                preTokenizer: description.preTokenizer ?? "default", beginOfSequence: description.bos, endOfSequence: description.eos,
                endOfTurn: description.eot, addBeginOfSequence: description.addBOS, addEndOfSequence: description.addEOS))
        base = MemoryBase(
            name: files.name, identity: files.identity, weights: try DecoderWeights(files, precision: .fast, pool: pool), tokenizer: tokenizer,
            template: try ChatTemplate(source: template), endOfSequence: description.eos.flatMap(tokenizer.piece(of:)) ?? "")
        guard let calibration = try MemoryCalibration.measure(base, site: Self.site, pool: pool) else {
            throw MemoryError(.unavailable, "nobody interrupted it")
        }
        self.calibration = calibration
    }
}
