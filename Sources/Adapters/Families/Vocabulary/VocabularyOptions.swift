internal import JSON
internal import Models

/// The options of an `adapter_config.json` for the embedding and the head, other than targets: `modules_to_save`,
/// `trainable_token_indices` and `ensure_weight_tying`.
struct VocabularyOptions: Sendable {
    /// Whole matrices of the adapter's own.
    var saved: Set<VocabularyModule> = []
    /// Tokens with rows of their own, in the order of the rows.
    var tokens: [VocabularyModule: [Int32]] = [:]
    /// Training of one of two tied modules applies to both.
    var isTied = false
    /// Entries of `modules_to_save` that mean norms.
    private(set) var savedNorms: [String] = []

    init() {}

    /// Notes every value that cannot be served.
    init(_ manifest: AdapterManifest, base: BaseModules, problems: inout AdapterProblems) {
        let reader = ConfigurationReader(document: JSONCursor(.object(manifest.document)))
        let named = problems.noting { () throws(AdapterError) in try Self.saved(reader, base) }
        (saved, savedNorms) = named ?? ([], [])
        tokens = problems.noting { () throws(AdapterError) in try Self.tokens(reader, base.configuration) } ?? [:]
        let isAsked = problems.noting { () throws(AdapterError) in try reader.flag("ensure_weight_tying") } ?? false
        isTied = isAsked && base.configuration.tiedHead
        if isTied && !saved.isEmpty { saved = Set(VocabularyModule.allCases) }
    }

    private static func saved(
        _ reader: ConfigurationReader, _ base: BaseModules
    ) throws(AdapterError) -> (modules: Set<VocabularyModule>, norms: [String]) {
        var (modules, norms): (Set<VocabularyModule>, [String]) = ([], [])
        for name in try reader.strings("modules_to_save") {
            if NormPlanner.isNorm(name, of: base), !name.isEmpty {
                norms.append(name)
            } else if let module = VocabularyModule(named: name) {
                modules.insert(module)
            } else {
                throw AdapterError(
                    .unsupported,
                    "\(quoted(name)): only embed_tokens, lm_head and norms can be of an adapter's own; train without it, or \(ForeignFamily.merge)",
                    file: AdapterFile.configuration, key: "modules_to_save")
            }
        }
        return (modules, norms)
    }

    /// One list, for the embedding, or a list for each module.
    private static func tokens(
        _ reader: ConfigurationReader, _ base: DecoderConfiguration
    ) throws(AdapterError) -> [VocabularyModule: [Int32]] {
        let key = "trainable_token_indices"
        guard case .object? = reader.document[key].value else {
            let tokens = try reader.tokens(key, of: base)
            return tokens.isEmpty ? [:] : [.embedding: tokens]
        }
        var lists: [VocabularyModule: [Int32]] = [:]
        for (name, cursor) in try reader.read(key, { (cursor) throws(JSONError) in try cursor.members() }) {
            guard let module = VocabularyModule(named: name), lists[module] == nil else {
                throw AdapterError(
                    .unsupported, "\(quoted(name)): expected embed_tokens, lm_head or both, each once", file: AdapterFile.configuration, key: key)
            }
            lists[module] = try ConfigurationReader.tokens(cursor, key: "\(key).\(name)", of: base)
        }
        return lists.filter { !$0.value.isEmpty }
    }
}

extension ConfigurationReader {
    /// A list of different tokens of the base's vocabulary; empty when it is not there.
    func tokens(_ key: String, of base: DecoderConfiguration) throws(AdapterError) -> [Int32] {
        try Self.tokens(document[key], key: key, of: base)
    }

    static func beyond(_ token: Int, _ base: DecoderConfiguration, key: String) -> AdapterError {
        AdapterError(
            .otherBase,
            "token \(token); \(base.name) has the tokens 0 to \(base.vocabulary - 1), and the file has no enlarged embedding with more. Save the adapter"
                + " with peft's save_embedding_layers=True, or serve a base with that vocabulary", file: AdapterFile.configuration, key: key)
    }

    fileprivate static func tokens(_ cursor: JSONCursor, key: String, of base: DecoderConfiguration) throws(AdapterError) -> [Int32] {
        var tokens: [Int32] = []
        var seen: Set<Int> = []
        do throws(JSONError) {
            for element in try cursor.optionalArray() ?? [] {
                let token = try element.int()
                guard token >= 0, seen.insert(token).inserted else {
                    throw element.invalid("\(token): expected different tokens, none negative")
                }
                tokens.append(Int32(clamping: token))
            }
        } catch {
            throw AdapterError(error)
        }
        // Whether the file enlarges the vocabulary as far is seen with the tensors.
        if let beyond = seen.max(), beyond >= base.vocabulary + DecoderWeights.addedTokens { throw Self.beyond(beyond, base, key: key) }
        return tokens
    }
}
