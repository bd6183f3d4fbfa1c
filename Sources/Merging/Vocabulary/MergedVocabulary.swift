public import JSON
internal import MergeMethods

/// The tokenizer of a merged model, and which rows of the sources its tokens have.
public struct MergedVocabulary: Sendable {
    /// Ids by token.
    public let ids: [String: Int]
    /// Rows of embedding and head.
    public let rows: Int
    /// The source whose tokenizer files the result gets.
    public let donor: Int
    /// `tokenizer.json`; nil: the donor's own.
    public let document: JSONValue?
    /// All sources have these tokens in these rows already: nothing moves, and padding stays.
    public let isShared: Bool
    /// Of the sources, cut to the rows that they have.
    let tables: [TokenTable]
    let rules: [String: TokenRows.Rule]

    /// - Parameters:
    ///   - choice: what the recipe says.
    ///   - donor: the source that stands for `base`.
    ///   - file: the recipe's.
    ///   - notice: told of tokenizers that are missing.
    ///
    /// Errors: `notFound` for tokenizers and tokens that are not there, `malformed`.
    init(
        _ choice: RecipeTokenizer, _ sources: [MergeSource], donor: Int, file: String, notice: (String) -> Void
    ) throws(MergeError) {
        guard let own = try sources[donor].tokenizer() else {
            throw MergeError(
                .notFound, "there is no tokenizer.json, which the result's tokenizer begins with", file: sources[donor].path)
        }
        var tables: [TokenTable] = []
        for source in sources {
            let document = try source.tokenizer()
            if document == nil { notice("\(source.reference) has no tokenizer.json: its tokens are taken to be those of \(sources[donor].reference)") }
            let table = try TokenTable(document ?? own, file: "\(source.path)/tokenizer.json")
            tables.append(source.vocabularyRows.map(table.cut) ?? table)
        }
        var builder: VocabularyBuilder
        switch choice.source {
        case .base: (self.donor, builder) = (donor, VocabularyBuilder(own, tables[donor]))
        case .union:
            (self.donor, builder) = (donor, VocabularyBuilder(own, tables[donor]))
            for (index, table) in tables.enumerated() where index != donor { builder.add(table) }
        case .model(let model):
            guard let index = sources.firstIndex(where: { $0.reference == model }), let document = try sources[index].tokenizer() else {
                throw MergeError(.notFound, "\(model), whose tokenizer the recipe takes, has no tokenizer.json", file: "\(file):\(choice.line)")
            }
            (self.donor, builder) = (index, VocabularyBuilder(document, try TokenTable(document, file: "\(sources[index].path)/tokenizer.json")))
        }
        for token in choice.tokens { builder.add(token.name) }
        ids = builder.ids
        // A bare nil here would be JSON's null.
        document = builder.isChanged ? Optional.some(builder.document) : Optional.none
        self.tables = tables
        var rules: [String: TokenRows.Rule] = [:]
        for token in choice.tokens {
            rules[token.name] = try Self.rule(token, sources, tables, file: file)
        }
        self.rules = rules
        let rowCounts = Set(sources.map(\.vocabularyRows))
        isShared = rules.isEmpty && rowCounts.count == 1 && choice.padToMultipleOf == nil && tables.allSatisfy { $0.ids == builder.ids }
        let tokens = (builder.ids.values.max() ?? -1) + 1
        let multiple = choice.padToMultipleOf ?? 1
        rows = isShared ? rowCounts.first.flatMap { $0 } ?? tokens : (tokens + multiple - 1) / multiple * multiple
    }
    /// Where an embedding comes from. Nil: as for all other tokens.
    private static func rule(
        _ token: RecipeTokenizer.Token, _ sources: [MergeSource], _ tables: [TokenTable], file: String
    ) throws(MergeError) -> TokenRows.Rule? {
        let place = "\(file):\(token.line)"
        func index(_ model: ModelReference) throws(MergeError) -> Int {
            guard let index = sources.firstIndex(where: { $0.reference == model }) else {
                throw MergeError(.invalidRecipe, "\(model) is none of the models that are merged", file: place)
            }
            return index
        }
        func row(_ name: String, _ model: ModelReference) throws(MergeError) -> TokenRows.Fill {
            let source = try index(model)
            guard let row = tables[source].ids[name] else {
                throw MergeError(.notFound, "\(model) has no token \(name.debugDescription)", file: place)
            }
            return .row(source: source, row)
        }
        switch token.source {
        case nil: return token.isForced ? TokenRows.Rule(fill: nil, isForced: true) : nil
        case .zero: return .init(fill: .zero, isForced: token.isForced)
        case .model(let model): return .init(fill: try row(token.name, model), isForced: token.isForced)
        case .token(let name, let model): return .init(fill: try row(name, model), isForced: token.isForced)
        case .row(let row, let model):
            let source = try index(model)
            guard row < sources[source].vocabularyRows ?? 0 else {
                throw MergeError(.mismatch, "\(model) has \(sources[source].vocabularyRows ?? 0) rows, and row \(row) is asked for", file: place)
            }
            return .init(fill: .row(source: source, row), isForced: token.isForced)
        }
    }

    /// For a tensor whose inputs are these sources.
    func tokenRows(_ inputs: [Int], base: Int?) -> TokenRows {
        // Fills name sources of the plan; a tensor's readers are numbered by its inputs.
        let places = Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ($1, $0) })
        let own = rules.mapValues { rule in
            var rule = rule
            if case .row(let source, let row) = rule.fill { rule.fill = places[source].map { .row(source: $0, row) } ?? .zero }
            return rule
        }
        return TokenRows(ids: ids, count: rows, tables: inputs.map { tables[$0] }, base: base, rules: own)
    }
}
