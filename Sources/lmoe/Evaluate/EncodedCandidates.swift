import Adapters
import ChatTemplates
import Evaluation
import Gateway
import Generation
import Inference
import Tokenizers
import Tuning

/// The base or an adapter that is scored, with the rows as it reads them.
struct ScoreCandidate {
    /// `base`, or the adapter's.
    let name: String
    /// Nil: the base.
    let adapter: PinnedAdapter?
    /// Of each row.
    fileprivate(set) var tokens: [ItemTokens]
}

/// The rows that are scored, and everyone who is, the base first.
struct EncodedCandidates {
    private(set) var set: EvaluationSet
    private(set) var list: [ScoreCandidate]
    /// Rows that a chat template refused, which were left out.
    private(set) var refused = 0

    /// Loads the adapters and encodes the rows, for those again that bring a template or tokens of their own.
    ///
    /// Errors: an adapter that cannot be loaded; that of the first row that is refused, unless such rows are skipped.
    init(
        _ set: EvaluationSet, _ path: String, _ names: [String], _ base: BaseModel, _ library: AdapterLibrary, _ options: EncodingOptions,
        skipsRefused: Bool
    ) throws {
        var encodings = [try Self.encode(set, path, try base.rowEncoder(options), skipsRefused)]
        var places = [0]
        var adapters: [PinnedAdapter?] = [nil]
        for name in names {
            let adapter = try library.store.acquire(name)
            adapters.append(adapter)
            if adapter.prompting == AdapterPrompting() {
                places.append(0)
            } else {
                places.append(encodings.count)
                encodings.append(try Self.encode(set, path, try base.rowEncoder(options, adapter.prompting), skipsRefused))
            }
        }
        let kept = set.items.indices.filter { item in encodings.allSatisfy { $0[item] != nil } }
        guard !kept.isEmpty else { throw Failure(message: "\(path): the chat template refuses every row") }
        self.set = set
        self.set.items = kept.map { set.items[$0] }
        refused = set.items.count - kept.count
        list = adapters.indices.map { index in
            ScoreCandidate(
                name: adapters[index]?.name ?? "base", adapter: adapters[index], tokens: kept.compactMap { encodings[places[index]][$0] })
        }
    }

    private static func encode(
        _ set: EvaluationSet, _ path: String, _ encoder: RowEncoder, _ skipsRefused: Bool
    ) throws(TuningError) -> [ItemTokens?] {
        let most = DataSetLimits().tokens
        var tokens: [ItemTokens?] = []
        var count = 0
        for item in set.items {
            do throws(TuningError) {
                let encoded = try ItemTokens(item.row, encoder)
                count += encoded.count
                tokens.append(encoded)
            } catch {
                var error = error
                error.file = path
                guard skipsRefused, error.code != .unsupported else { throw error }
                tokens.append(nil)
            }
            guard count <= most else {
                throw TuningError(
                    .limitExceeded, "more than \(most) tokens, those of all choices included; score fewer rows with --limit", file: path,
                    line: item.line)
            }
        }
        return tokens
    }
}

extension BaseModel {
    /// Encodes rows as the engine encodes prompts.
    ///
    /// - Parameter own: an adapter's template and tokens, which go before the base's.
    fileprivate func rowEncoder(_ options: EncodingOptions, _ own: AdapterPrompting = AdapterPrompting()) throws -> RowEncoder {
        let standard = try own.templates?.standard.map { try ChatTemplate(source: $0) } ?? template
        let forTools = try own.templates?.tools.map { try ChatTemplate(source: $0) } ?? (own.templates == nil ? toolTemplate : nil)
        let end = own.tokens.endOfSequence ?? endOfSequencePiece
        let begin = own.tokens.beginOfSequence ?? tokenizer.beginOfSequence.flatMap(tokenizer.piece(of:)) ?? ""
        return RowEncoder(
            tokenizer: tokenizer,
            template: standard.map { ConversationTemplate($0, forTools: forTools, beginOfSequence: begin, endOfSequence: end) },
            endOfSequence: tokenizer.token(end), options: options)
    }
}
