/// Where the rows of a merged vocabulary come from, for each source. As mergekit's `PermutedVocabulary` decides it.
struct TokenRows: Sendable {
    /// What a source that lacks a token has in its row.
    enum Fill: Sendable, Hashable {
        case zero
        /// The row of another source.
        case row(source: Int, Int)
        /// The mean of the rows of all sources that have the token.
        case mean([SourceRow])
        /// The mean of the source's own rows: for rows beyond the last token.
        case padding
    }

    struct SourceRow: Sendable, Hashable {
        var source: Int
        var row: Int
    }

    /// Rows of the result.
    let count: Int
    /// `[source][row]`: the row there, or what fills it.
    let rows: [[Choice]]

    enum Choice: Sendable, Hashable {
        case own(Int)
        case fill(Fill)
    }

    /// How one token's rows are to be made, where the recipe says.
    struct Rule: Sendable {
        /// Nil: as for all other tokens.
        var fill: Fill?
        /// Also for sources that have the token.
        var isForced: Bool
    }

    /// - Parameters:
    ///   - ids: of the result's tokens.
    ///   - count: of the result's rows; those beyond the tokens are padding.
    ///   - tables: of the sources, cut to the rows that they have.
    ///   - base: the base among the sources.
    init(ids: [String: Int], count: Int, tables: [TokenTable], base: Int?, rules: [String: Rule]) {
        self.count = count
        let tokens = (ids.values.max() ?? -1) + 1
        var rows = [[Choice]](
            repeating: (0..<count).map { .fill($0 < tokens ? .zero : .padding) }, count: tables.count)
        for (token, id) in ids where id < count {
            let own = tables.map { $0.ids[token] }
            let fill = rules[token]?.fill ?? Self.standard(own, base: base)
            for source in tables.indices {
                if let row = own[source], rules[token]?.isForced != true {
                    rows[source][id] = .own(row)
                } else {
                    rows[source][id] = .fill(fill)
                }
            }
        }
        self.rows = rows
    }

    /// The base's row where it has one, else that of the only source, else the mean.
    private static func standard(_ own: [Int?], base: Int?) -> Fill {
        let present = own.indices.compactMap { source in own[source].map { SourceRow(source: source, row: $0) } }
        guard let first = present.first else { return .zero }
        if present.count == 1 { return .row(source: first.source, first.row) }
        if let base, let row = own[base] { return .row(source: base, row) }
        return .mean(present)
    }
}
