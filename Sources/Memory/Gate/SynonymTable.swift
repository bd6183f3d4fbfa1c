/// Groups of words that mean the same, looked up by the word that they begin with.
struct SynonymTable: Sendable, Equatable {
    /// One member of a group.
    private struct Term: Sendable, Equatable {
        /// Its words, lowercase.
        var words: [String]
        var group: Int
    }

    let groups: [[String]]
    /// By their first word: in the order of the groups, of one group the longest first.
    private let terms: [String: [Term]]

    var isEmpty: Bool { groups.isEmpty }

    /// - Parameter groups: lowercase terms of letters, hyphens and single spaces.
    init(_ groups: [[String]] = []) {
        self.groups = groups
        var terms: [String: [Term]] = [:]
        for (group, members) in groups.enumerated() {
            for words in members.map({ $0.split(separator: " ").map(String.init) }).sorted(by: { $0.count > $1.count }) {
                guard let first = words.first else { continue }
                terms[first, default: []].append(Term(words: words, group: group))
            }
        }
        self.terms = terms
    }

    /// At most `most` texts, each with one term put for another of its group, in the order of the words of the text.
    func wordings(of text: String, most: Int) -> [String] {
        if isEmpty { return [] }
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        var found: [String] = []
        for start in words.indices {
            var seen: Set<Int> = []
            for term in terms[Self.letters(words[start]).lowercased()] ?? [] where Self.matches(term.words, words, start) {
                guard seen.insert(term.group).inserted else { continue }
                let end = start + term.words.count
                let tail = words[end - 1].dropFirst(Self.letters(words[end - 1]).count)
                let own = term.words.joined(separator: " ")
                for other in groups[term.group] where other != own {
                    var changed = words.map(String.init)
                    changed.replaceSubrange(start..<end, with: [other + tail])
                    found.append(changed.joined(separator: " "))
                    if found.count == most { return found }
                }
            }
        }
        return found
    }

    /// Without regard to case and to what follows the letters of the last word, in which there is no digit.
    private static func matches(_ term: [String], _ words: [Substring], _ start: Int) -> Bool {
        guard start + term.count <= words.count else { return false }
        for (offset, part) in term.enumerated() {
            let word = words[start + offset]
            let letters = offset == term.count - 1 ? Self.letters(word) : word
            guard letters.lowercased() == part, !word.dropFirst(letters.count).contains(where: \.isNumber) else { return false }
        }
        return true
    }

    private static func letters(_ word: Substring) -> Substring { word.prefix { $0.isLetter || $0 == "-" } }
}
