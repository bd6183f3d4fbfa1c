/// Suggests known names that are close to an unknown one.
enum NearNames {
    private static let shown = 8

    /// "did you mean ...?", or else the names, not all of many.
    static func hint(_ name: String, among known: some Collection<String>) -> String {
        let near = known.map { (name: $0, distance: distance(name.lowercased(), $0.lowercased())) }
            .filter { $0.distance <= max(1, name.count / 3) }.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
        if !near.isEmpty { return "did you mean \(near.prefix(3).map { "`\($0.name)`" }.joined(separator: " or "))?" }
        let names = known.sorted()
        let rest = names.count - shown
        return "the router can choose: " + (names.isEmpty ? "none" : names.prefix(shown).joined(separator: ", "))
            + (rest > 0 ? " and \(rest) more (lmoe adapters list)" : "")
    }

    /// Letters to insert, delete or replace (Levenshtein 1966). `O(one * other)`.
    static func distance(_ one: String, _ other: String) -> Int {
        let (left, right) = (Array(one), Array(other))
        var row = Array(0...right.count)
        for (index, letter) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let next = min(row[column] + 1, row[column + 1] + 1, diagonal + (letter == right[column] ? 0 : 1))
                (diagonal, row[column + 1]) = (row[column + 1], next)
            }
        }
        return row[right.count]
    }
}
