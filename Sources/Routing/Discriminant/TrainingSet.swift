/// Texts whose right answer is known, as features: the adapters' examples, and out-of-scope texts.
struct TrainingSet: Sendable {
    struct Group: Sendable {
        /// Its name from one fit to the next.
        var name: String
        /// Nil: out of scope.
        var adapter: Int?
        var features: FeatureRows

        var count: Int { features.count }
    }

    let featureDimension: Int
    let distanceRange: Range<Int>
    let adapters: Int
    let groups: [Group]

    var count: Int { groups.reduce(0) { $0 + $1.count } }

    /// The place of a row.
    struct Row: Sendable, Equatable {
        var group: Int
        var row: Int
    }

    func features(_ row: Row) -> [Float] { groups[row.group].features.row(row.row) }

    /// At most `most` rows of the wanted groups, at even strides.
    func sample(_ most: Int, where isWanted: (Group) -> Bool = { _ in true }) -> [Row] {
        let rows = groups.indices.filter { isWanted(groups[$0]) }.flatMap { group in
            (0..<groups[group].count).map { Row(group: group, row: $0) }
        }
        guard rows.count > most else { return rows }
        return (0..<most).map { rows[$0 * rows.count / most] }
    }
}
