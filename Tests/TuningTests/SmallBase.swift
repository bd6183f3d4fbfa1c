import ChatTemplates
import Files
import TestSupport
import Tokenizers

@testable import Tuning

/// Encoders with the small tokenizers and the templates of other suites.
enum SmallBase {
    static func encoder(
        _ tokenizer: String = "smollm", template: String? = "chatml", source: String? = nil, end: String = "<|im_end|>",
        change: (inout EncodingOptions) -> Void = { _ in }
    ) throws -> RowEncoder {
        let tokenizer = try DecoderTokenizer.load(tokenizerJSON: "\(Checkout.path)/Tests/TokenizersTests/Fixtures/\(tokenizer).json")
        var options = EncodingOptions()
        change(&options)
        let text = try source ?? template.map(file)
        let begin = tokenizer.beginOfSequence.flatMap(tokenizer.piece(of:)) ?? ""
        return RowEncoder(
            tokenizer: tokenizer,
            template: try text.map { ConversationTemplate(try ChatTemplate(source: $0), beginOfSequence: begin, endOfSequence: end) },
            endOfSequence: tokenizer.token(end), options: options)
    }

    private static func file(_ name: String) throws -> String {
        try RegularFile.text("\(Checkout.path)/Tests/ChatTemplatesTests/Fixtures/templates/\(name).jinja", limitBytes: 1 << 20)
    }

    /// The sequence's text with its targets in brackets.
    static func marked(_ sequence: TrainingSequence, _ encoder: RowEncoder) -> String {
        var bytes: [UInt8] = []
        var isInside = false
        for (token, isTarget) in zip(sequence.tokens, sequence.isTarget) {
            if isTarget != isInside { bytes += (isTarget ? "[" : "]").utf8 }
            isInside = isTarget
            bytes += encoder.tokenizer.bytes(of: token)
        }
        if isInside { bytes += "]".utf8 }
        return String(decoding: bytes, as: UTF8.self)
    }
}
