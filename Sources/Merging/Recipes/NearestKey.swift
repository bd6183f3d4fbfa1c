/// The known word that a word was meant to be, for messages.
enum NearestKey {
    /// The fewest letters to insert, delete or replace; among equals the first. `known` is not empty.
    static func of(_ word: String, among known: [String]) -> String {
        precondition(!known.isEmpty, "a message offers at least one known word")
        let spelling = Array(word.lowercased().utf8.prefix(64))
        var best = (name: known[0], distance: Int.max)
        for name in known {
            let distance = distance(spelling, Array(name.utf8))
            if distance < best.distance { best = (name, distance) }
        }
        return best.name
    }

    /// Levenshtein 1966. `O(one * other)`.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (index, letter) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in other.indices {
                let next = min(row[column] + 1, row[column + 1] + 1, diagonal + (letter == other[column] ? 0 : 1))
                (diagonal, row[column + 1]) = (row[column + 1], next)
            }
        }
        return row[other.count]
    }
}
