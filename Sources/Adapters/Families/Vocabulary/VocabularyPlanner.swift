internal import Models
internal import Tensors

/// Compares the configuration of embedding and head with the tensors of the file, and both with the base, as peft 0.21
/// would load them.
///
/// Tables with more rows than the base's (`resize_token_embeddings`) enlarge the vocabulary of the adapter's rows; embedding and head have the
/// same number then.
///
/// For a base with a tied head: a copy of the base's weights is the weight of both modules; a module of `modules_to_save` gets a matrix of
/// its own, and the other module keeps the base's; trained tokens of the embedding act in the head, too.
struct VocabularyPlanner {
    /// Names of all tensors below the two modules.
    let names: Set<String>
    private(set) var errors: [AdapterError] = []
    private let base: BaseModules
    private let options: VocabularyOptions
    /// Where rows of trained tokens are.
    private let tokensPart: VocabularyPart
    private let shapes: TensorShapeCheck
    /// Tensors that were not read yet.
    private var rest: [VocabularyModule: ModuleTensors<VocabularyPart>] = [:]
    /// The base's tokens, and those that the file's tables have beside them.
    private(set) var vocabulary: Int

    init(_ content: AdapterContent, base: BaseModules, options: VocabularyOptions, tokensPart: VocabularyPart = .tokens) {
        self.base = base
        self.options = options
        self.tokensPart = tokensPart
        vocabulary = base.configuration.vocabulary
        shapes = TensorShapeCheck(base: base.name, trainedOn: content.manifest.trainedOn)
        var names: Set<String> = []
        for module in VocabularyModule.allCases {
            let prefix = "\(PartName<VocabularyPart>.prefix)\(module.path)."
            for (name, view) in content.weights.tensors where name.utf8.starts(with: prefix.utf8) {
                names.insert(name)
                guard let part = VocabularyPart(rawValue: String(name.dropFirst(prefix.count))) else {
                    let meaning = ForeignTensor.meaning(of: name)
                    errors.append(
                        AdapterError(
                            meaning == nil ? .unreadTensor : .unsupported,
                            (meaning.map { "\($0); it is not served of \(module.path)" } ?? "nothing would read it") + CanonicalName.hint(name),
                            file: AdapterFile.weights, tensor: name))
                    continue
                }
                rest[module, default: ModuleTensors()][part] = view
            }
        }
        self.names = names
        vocabulary = Self.vocabulary(rest, base.configuration)
        errors.sort { ($0.tensor ?? "") < ($1.tensor ?? "") }
    }

    /// Tokens that the file's tables have beside the base's.
    static func addedTokens(_ weights: AdapterWeights, base: DecoderConfiguration) -> Int {
        var found: [VocabularyModule: ModuleTensors<VocabularyPart>] = [:]
        for module in VocabularyModule.allCases {
            for part in VocabularyPart.copies { found[module, default: ModuleTensors()][part] = weights.tensors[part.name(in: module.path)] }
        }
        return vocabulary(found, base) - base.vocabulary
    }

    /// The most rows of a table that are not too many.
    private static func vocabulary(_ found: [VocabularyModule: ModuleTensors<VocabularyPart>], _ base: DecoderConfiguration) -> Int {
        let tables = found.values.flatMap { tensors in VocabularyPart.copies.compactMap { tensors[$0] } }
        let rows = tables.filter { $0.shape.count == 2 && $0.columns == base.hidden }.map(\.rows)
        return rows.filter { base.vocabulary...base.vocabulary + DecoderWeights.addedTokens ~= $0 }.max() ?? base.vocabulary
    }

    var hidden: Int { base.configuration.hidden }

    mutating func note(_ error: AdapterError) { errors.append(error) }

    /// Whether the file has this part and it was not read yet.
    func has(_ part: VocabularyPart, of module: VocabularyModule) -> Bool { rest[module]?[part] != nil }

    /// Reads a tensor of that shape; nil, with a problem where it is required or wrong.
    mutating func take(
        _ part: VocabularyPart, of module: VocabularyModule, _ expected: [Int], rankDimension: Int? = nil,
        vocabularyDimension: Int? = nil, isRequired: Bool = true
    ) -> TensorView? {
        guard let view = rest[module]?[part] else {
            if isRequired {
                note(
                    AdapterError(
                        .missingTensor, "the configuration asks for it, and the file does not have it", file: AdapterFile.weights,
                        tensor: part.name(in: module.path)))
            }
            return nil
        }
        rest[module]?[part] = nil
        guard let problem = shapes.problem(
            view, expected, rankDimension: rankDimension, vocabularyDimension: vocabularyDimension)
        else { return view }
        note(problem)
        return nil
    }

    /// After the pairs were read: `pairs` of the modules that are targeted.
    mutating func plan(targeted: Set<VocabularyModule> = [], pairs: [VocabularyModule: VocabularyPair] = [:]) -> VocabularyPlan {
        var plan = VocabularyPlan(weights: base.weights)
        checkOptions(targeted)
        for module in VocabularyModule.allCases {
            plan[module].pair = pairs[module]
            guard options.saved.contains(module) else { continue }
            plan[module].table = takeMatrix(.weight, of: module, isRequired: true)
            for part in [VocabularyPart.savedTwice, .original] { rest[module]?[part] = nil }
        }
        // What is trained as one is written under both names, and the head's is loaded last.
        if options.isTied && !options.saved.isEmpty {
            plan.embedding.overwritten += [plan.embedding.table].compactMap { $0 }
            plan.embedding.table = plan.head.table
        }
        takeRows(&plan)
        takeCopies(&plan, targeted)
        checkEnlarged(plan)
        for name in rest.values.flatMap(\.names).sorted() {
            note(
                AdapterError(
                    .unreadTensor,
                    "\(ForeignTensor.meaning(of: name) ?? "the module's weight"); the configuration does not ask for it, so peft would not"
                        + " read it\(CanonicalName.hint(name))", file: AdapterFile.weights, tensor: name))
        }
        return plan
    }

    /// Each token that can be drawn needs an embedding, and each with an embedding is a candidate.
    private mutating func checkEnlarged(_ plan: VocabularyPlan) {
        guard vocabulary > base.configuration.vocabulary, errors.isEmpty else { return }
        for module in VocabularyModule.allCases where plan[module].table == nil {
            note(
                AdapterError(
                    .missingTensor,
                    "the vocabulary was enlarged from \(base.configuration.vocabulary) to \(vocabulary) tokens, and the file has no \(module.path) of that"
                        + " size; save the adapter with peft's save_embedding_layers=True", file: AdapterFile.weights,
                    tensor: VocabularyPart.weight.name(in: module.path)))
        }
    }

    private mutating func takeMatrix(_ part: VocabularyPart, of module: VocabularyModule, isRequired: Bool) -> TensorView? {
        take(part, of: module, [vocabulary, hidden], vocabularyDimension: 0, isRequired: isRequired)
    }

    // MARK: Trained tokens

    /// The tied head follows the embedding's tokens, unless it has others of its own.
    private var headFollows: Bool {
        guard base.configuration.tiedHead, let tokens = options.tokens[.embedding] else { return false }
        return options.tokens[.head].map { $0 == tokens } ?? true
    }

    private mutating func takeRows(_ plan: inout VocabularyPlan) {
        for module in VocabularyModule.allCases {
            guard let tokens = options.tokens[module], !(module == .head && headFollows) else { continue }
            if let beyond = tokens.max(), Int(beyond) >= vocabulary {
                note(ConfigurationReader.beyond(Int(beyond), base.configuration, key: "trainable_token_indices"))
                continue
            }
            plan[module].tokens = tokens
            plan[module].rows = take(tokensPart, of: module, [tokens.count, hidden])
        }
        guard headFollows, !plan.embedding.tokens.isEmpty else { return }
        plan.head.tokens = plan.embedding.tokens
        // Adapters with nothing but tokens write the rows of a tied head once more, and those are loaded last.
        if let last = take(tokensPart, of: .head, [plan.head.tokens.count, hidden], isRequired: false) {
            plan.embedding.overwritten += [plan.embedding.rows].compactMap { $0 }
            plan.embedding.rows = last
        }
        plan.head.rows = plan.embedding.rows
    }

    // MARK: Copies of the base's weights

    private mutating func takeCopies(_ plan: inout VocabularyPlan, _ targeted: Set<VocabularyModule>) {
        var copies: [VocabularyModule: TensorView] = [:]
        for module in VocabularyModule.allCases where !options.saved.contains(module) {
            let part: VocabularyPart = targeted.contains(module) ? .copy : plan[module].tokens.isEmpty ? .weight : .tokensCopy
            copies[module] = takeMatrix(part, of: module, isRequired: false)
        }
        // Of a tied base both are one weight, and the head's is loaded last.
        if base.configuration.tiedHead, let copy = copies[.head] ?? copies[.embedding] {
            if let first = copies[.embedding], first.name != copy.name { plan.embedding.overwritten.append(first) }
            copies = [.embedding: copy, .head: copy]
        }
        for (module, copy) in copies where plan[module].table == nil && !options.saved.contains(module) {
            plan[module].table = copy
            plan[module].isCopy = true
        }
    }

    // MARK: Options that exclude each other

    private mutating func checkOptions(_ targeted: Set<VocabularyModule>) {
        let key = "trainable_token_indices"
        func refuse(_ message: String) -> AdapterError {
            AdapterError(.malformed, message, file: AdapterFile.configuration, key: key)
        }
        for module in VocabularyModule.allCases where options.tokens[module] != nil {
            if options.saved.contains(module) { note(refuse("\(module.path) is in modules_to_save as well; peft takes one of the two")) }
            if targeted.contains(module) { note(refuse("\(module.path) is targeted as well; peft takes one of the two")) }
        }
        if headFollows && options.tokens[.head] == nil && (options.saved.contains(.head) || targeted.contains(.head)) {
            note(refuse("the head is tied to the embedding, whose tokens it follows, and is changed as well; peft takes one of the two"))
        }
        if options.isTied && options.tokens.count == 2 && !headFollows {
            note(refuse("other tokens of the head than of the embedding do not go with ensure_weight_tying"))
        }
    }
}
