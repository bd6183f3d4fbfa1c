internal import JSON

/// What a memory's configuration may set.
public struct MemorySettings: Sendable, Equatable {
    /// In the place of the store's own threshold; nil: the store chooses it.
    public var threshold: Float?
    /// Terms that mean the same in the questions of this memory.
    var synonyms = SynonymTable()

    static let groups = 1_000
    /// Of a group.
    static let terms = 16
    /// Of a term, in bytes.
    static let termBytes = 64

    /// Reads `threshold` (a number) and `synonyms` (an array of arrays of terms, such as `[["door code", "keypad code"]]`).
    init(_ document: JSONCursor) throws(JSONError) {
        threshold = try document["threshold"].optionalDouble(in: -100...100).map { Float($0) }
        guard let given = try document["synonyms"].optionalArray() else { return }
        guard given.count <= Self.groups else {
            throw document["synonyms"].invalid("expected at most \(Self.groups) groups of terms, found \(given.count)")
        }
        var (groups, places) = ([[String]](), [String: Int]())
        for group in given {
            let terms = try group.array()
            guard 2...Self.terms ~= terms.count else {
                throw group.invalid("expected 2 to \(Self.terms) terms that mean the same, found \(terms.count)")
            }
            var members: [String] = []
            for term in terms {
                let text = Self.folded(try term.string())
                guard !text.isEmpty, text.utf8.count <= Self.termBytes, text.allSatisfy({ $0.isLetter || $0 == "-" || $0 == " " }) else {
                    throw term.invalid("expected words of letters and hyphens, at most \(Self.termBytes) bytes")
                }
                if let other = places[text] { throw term.invalid("\(text) is a term of group \(other + 1) already") }
                places[text] = groups.count
                members.append(text)
            }
            groups.append(members)
        }
        synonyms = SynonymTable(groups)
    }

    static func folded(_ text: String) -> String {
        text.lowercased().split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
