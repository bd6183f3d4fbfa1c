/// Further wordings of a question, made by rules: other spellings and abbreviations of its words. Each is a key of its own, which
/// `MemoryGate.check` compares with the other facts before it is used.
///
/// Synonyms of the field, such as "keypad code" for "door code", must be told: the encoder does not tell them from the names of other
/// things, and a list of words would guess.
public enum WordingRules {
    /// Wordings at most.
    public static let most = 4

    /// Spellings of one word. Words of a group are put for each other.
    static let groups: [[String]] = [
        ["phone", "telephone"], ["mobile", "cell phone", "mobile phone"], ["email", "e-mail"], ["wifi", "wi-fi"], ["id", "identifier"],
        ["birthday", "date of birth"], ["colour", "color"], ["favourite", "favorite"], ["centre", "center"], ["licence", "license"],
        ["organisation", "organization"], ["programme", "program"], ["catalogue", "catalog"], ["grey", "gray"], ["neighbour", "neighbor"],
        ["labour", "labor"], ["tyre", "tire"], ["metre", "meter"], ["litre", "liter"], ["theatre", "theater"],
        ["defence", "defense"], ["analyse", "analyze"], ["organise", "organize"], ["cancelled", "canceled"], ["jewellery", "jewelry"],
        ["postcode", "postal code", "zip code"], ["mum", "mom", "mother"], ["dad", "father"], ["username", "user name"], ["database", "db"],
        ["application", "app"], ["photo", "photograph"], ["laboratory", "lab"], ["department", "dept"], ["maximum", "max"],
        ["minimum", "min"],
        ["information", "info"], ["document", "doc"], ["website", "web site"], ["usa", "united states"], ["uk", "united kingdom"],
    ]

    /// At most `most` wordings, each with one group's words put for each other, in the order of the words of the question.
    public static func wordings(of question: String) -> [String] {
        let words = question.split(separator: " ", omittingEmptySubsequences: false)
        var found: [String] = []
        for start in words.indices {
            for group in groups {
                guard let (length, own) = match(group, words, start) else { continue }
                for other in group where other != own {
                    var changed = words.map(String.init)
                    let last = words[start + length - 1]
                    let tail = last.drop { $0.isLetter || $0 == "-" }
                    changed.replaceSubrange(start..<start + length, with: [other + tail])
                    found.append(changed.joined(separator: " "))
                    if found.count == most { return found }
                }
            }
        }
        return found
    }

    /// The longest spelling of the group that begins at a word, without regard to case and to what follows the letters of its last word.
    private static func match(_ group: [String], _ words: [Substring], _ start: Int) -> (length: Int, spelling: String)? {
        group.sorted { $0.count > $1.count }.lazy.compactMap { spelling in
            let parts = spelling.split(separator: " ")
            guard start + parts.count <= words.count else { return nil }
            for (offset, part) in parts.enumerated() {
                let word = words[start + offset]
                let isLast = offset == parts.count - 1
                let letters = isLast ? word.prefix { $0.isLetter || $0 == "-" } : word
                let tail = word.dropFirst(letters.count)
                guard letters.lowercased() == part, tail.allSatisfy({ !$0.isNumber }) else { return nil }
            }
            return (parts.count, spelling)
        }.first
    }
}
