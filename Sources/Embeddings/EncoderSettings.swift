internal import Files
import JSON

/// How hidden states become one vector, as the folder of a sentence encoder says it: the files of sentence-transformers beside the
/// model's own (`modules.json`, `1_Pooling/config.json`, `sentence_bert_config.json`). A folder without them pools by the mean.
public struct EncoderSettings: Sendable, Equatable {
    public enum Pooling: String, Sendable {
        /// The mean over all tokens, special ones included.
        case mean
        /// The first token's state.
        case first
    }

    public var pooling = Pooling.mean
    /// Longer texts are cut; nil leaves it to the model's positions.
    public var maximumTokens: Int?

    public init(pooling: Pooling = .mean, maximumTokens: Int? = nil) {
        self.pooling = pooling
        self.maximumTokens = maximumTokens
    }

    /// Errors: `malformed`, `unsupported`.
    public init(folder: String) throws(EmbeddingError) {
        self.init()
        var poolingFolder = "1_Pooling"
        if let modules = try Self.read("\(folder)/modules.json") {
            poolingFolder = try Self.poolingFolder(modules, file: "\(folder)/modules.json") ?? poolingFolder
        }
        let poolingFile = "\(folder)/\(poolingFolder)/config.json"
        if let config = try Self.read(poolingFile) { pooling = try Self.pooling(config, file: poolingFile) }
        let file = "\(folder)/sentence_bert_config.json"
        if let config = try Self.read(file) {
            maximumTokens = try Self.reading(file) { () throws(JSONError) in
                try config["max_seq_length"].optionalInt(in: 1...1 << 20)
            }
            let lowers = try Self.reading(file) { () throws(JSONError) in try config["do_lower_case"].optionalBool() }
            if lowers == true {
                throw EmbeddingError(.unsupported, "do_lower_case is true; the tokenizer's normalizer does that", file: file)
            }
        }
    }

    private static func poolingFolder(_ modules: JSONCursor, file: String) throws(EmbeddingError) -> String? {
        var found: String?
        for module in try reading(file, { () throws(JSONError) in try modules.array() }) {
            let (type, path) = try reading(file) { () throws(JSONError) in
                (try module["type"].string(), try module["path"].optionalString() ?? "")
            }
            switch type.split(separator: ".").last {
            case "Transformer", "Normalize": break
            case "Pooling":
                // A name of a folder in this one, and nothing that leads out of it.
                guard !path.isEmpty, !path.contains("/"), path != ".." else {
                    throw EmbeddingError(.malformed, "‘\(path)’ is no folder in this one", file: file)
                }
                found = path
            default:
                throw EmbeddingError(
                    .unsupported, "found the module ‘\(type)’; supported are Transformer, Pooling, Normalize", file: file)
            }
        }
        return found
    }

    private static func pooling(_ config: JSONCursor, file: String) throws(EmbeddingError) -> Pooling {
        let on = try reading(file) { () throws(JSONError) in
            var on: [String] = []
            for (key, value) in try config.members() where key.hasPrefix("pooling_mode_") {
                if try value.bool() { on.append(key) }
            }
            return on
        }
        switch on {
        case ["pooling_mode_mean_tokens"]: return .mean
        case ["pooling_mode_cls_token"]: return .first
        default:
            throw EmbeddingError(
                .unsupported,
                "found \(on.isEmpty ? "no pooling" : on.joined(separator: ", ")); supported is one of "
                    + "pooling_mode_mean_tokens, pooling_mode_cls_token", file: file)
        }
    }

    private static func reading<Value>(
        _ file: String, _ body: () throws(JSONError) -> Value
    ) throws(EmbeddingError) -> Value {
        do {
            return try body()
        } catch {
            throw EmbeddingError(.malformed, error.description, file: file)
        }
    }

    /// Nil where there is no such file.
    private static func read(_ path: String) throws(EmbeddingError) -> JSONCursor? {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try RegularFile.contents(path, limitBytes: 1 << 20)
        } catch {
            switch error.code {
            case .notFound: return nil
            case .limitExceeded: throw EmbeddingError(.malformed, error.message, file: path)
            default: throw EmbeddingError(.notFound, error.message, file: path)
            }
        }
        return try reading(path) { () throws(JSONError) in JSONCursor(try JSONValue.parse(Array(ByteOrderMark.skipped(bytes)))) }
    }
}
