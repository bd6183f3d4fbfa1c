/// Other ways to ask a question, made by rules of English grammar without knowledge of its words. A fact is written for them, too, so that
/// its keys do not hang on one wording.
///
/// Where the rules cannot be sure of the grammar, a polite frame is put around the question, which leaves it as it is.
enum QuestionRules {
    /// Three other wordings; none is the question's own.
    static func paraphrases(of question: String) -> [String] {
        let text = trimmed(question)
        let core = trimmed(text.last == "?" || text.last == "." ? String(text.dropLast()) : text)
        guard !core.isEmpty else { return [] }
        let words = core.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        return (text.last == "." ? request(words) : nil) ?? thing(words) ?? indirect(words) ?? request(words) ?? frames(core, text)
    }

    /// Without the mark at its end; nil: it has none, or nothing else.
    static func withoutMark(_ question: String) -> String? {
        let text = trimmed(question)
        guard let last = text.last, "?.!".contains(last) else { return nil }
        let rest = trimmed(String(text.dropLast()))
        return rest.isEmpty ? nil : rest
    }

    // MARK: Rules

    /// "What is the door code of X?": the noun phrase after the verb can be asked for.
    private static func thing(_ words: [String]) -> [String]? {
        guard words.count > 2, let (verb, start) = whatIs(words) else { return nil }
        let phrase = words[start...]
        guard isNounPhrase(phrase) else { return nil }
        let x = phrase.joined(separator: " ")
        let wish = verb == "is" || verb == "are" ? "I need \(x), please." : "I would like to know what \(x) \(verb)."
        return ["Tell me \(x).", "Can you tell me what \(x) \(verb)?", wish]
    }

    /// "Who wrote X?", "How old is X?": the question as a part of a sentence.
    private static func indirect(_ words: [String]) -> [String]? {
        guard let head = questionHead(words), words.count > head + 1 else { return nil }
        let (wh, rest) = (lowercasedFirst(words[..<head].joined(separator: " ")), words[head...])
        let clause: String
        if let verb = rest.first?.lowercased(), ["is", "are", "was", "were"].contains(verb) {
            let phrase = rest.dropFirst()
            guard isNounPhrase(phrase) else { return nil }
            clause = "\(wh) \(phrase.joined(separator: " ")) \(verb)"
        } else {
            // Without an auxiliary verb the question word is the subject, and the order of the words stays.
            guard !rest.contains(where: { auxiliaries.contains($0.lowercased()) }) else { return nil }
            clause = "\(wh) \(rest.joined(separator: " "))"
        }
        return ["Tell me \(clause).", "Can you tell me \(clause)?", "I would like to know \(clause)."]
    }

    /// "Give me X.": a request.
    private static func request(_ words: [String]) -> [String]? {
        guard words.count > 2, ["tell", "give", "show", "send", "name", "list"].contains(words[0].lowercased()),
            !prepositions.contains(words[1].lowercased())
        else { return nil }
        let rest = lowercasedFirst(words.joined(separator: " "))
        return ["Please \(rest).", "Can you \(rest)?", "I would like you to \(rest)."]
    }

    private static func frames(_ core: String, _ text: String) -> [String] {
        let isQuestion = text.last == "?" || startsQuestion(core)
        let end = isQuestion ? "?" : ""
        let inner = isQuestion ? lowercasedFirst(core) : core
        return ["Please tell me: \(inner)\(end)", "Can you answer this for me? \(core)\(end)", "I have a question: \(inner)\(end)"]
    }

    // MARK: Grammar

    private static let determiners: Set = ["the", "my", "our", "your", "his", "her", "their", "its", "a", "an", "this", "that"]
    private static let auxiliaries: Set = [
        "is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could", "will", "would", "shall", "should", "may",
        "might", "must",
    ]
    private static let prepositions: Set = [
        "for", "about", "of", "to", "in", "on", "at", "with", "like", "from", "by", "into", "as", "up", "out", "off", "over", "under",
    ]
    /// Words at the end of a question that belong to its verb.
    private static let predicates: Set = [
        "born", "held", "made", "built", "kept", "sold", "found", "paid", "sent", "spent", "lost", "left", "met", "set", "put", "won",
        "done", "gone", "bought", "taught", "caught", "worn", "known", "due", "open", "closed", "available", "free", "ready", "busy",
        "late", "early", "now", "there", "here", "today",
    ]
    private static let questionWords: Set = ["what", "who", "whom", "whose", "which", "where", "when", "why", "how", "what's", "who's"]
    private static let measures: Set = [
        "old", "tall", "long", "far", "high", "deep", "wide", "big", "large", "heavy", "fast", "many", "much", "often", "expensive",
    ]

    /// The verb of "What is …", and where the phrase begins.
    private static func whatIs(_ words: [String]) -> (verb: String, start: Int)? {
        let first = words[0].lowercased()
        if first == "what's" { return ("is", 1) }
        let verb = words[1].lowercased()
        return first == "what" && ["is", "are", "was", "were"].contains(verb) ? (verb, 2) : nil
    }

    /// How many words the question word takes: "who", "how old", "how many people"; nil: the rules do not cover it.
    private static func questionHead(_ words: [String]) -> Int? {
        switch words[0].lowercased() {
        case "who": return 1
        case "how":
            guard words.count > 2, measures.contains(words[1].lowercased()) else { return nil }
            // Of "how many people live in X" the noun is no verb; it stays where it is.
            return 2
        default: return nil
        }
    }

    /// Whether some words are surely a noun phrase alone: they begin as one, and end neither with a preposition nor with a verb's form.
    private static func isNounPhrase(_ words: ArraySlice<String>) -> Bool {
        guard let first = words.first, let last = words.last?.lowercased(), !last.isEmpty else { return false }
        let begins = determiners.contains(first.lowercased()) || first.first?.isUppercase == true || first.hasSuffix("'s")
        if words.contains(where: { auxiliaries.contains($0.lowercased()) }) { return false }
        let ends = prepositions.contains(last) || predicates.contains(last) || last.hasSuffix("ing") || last.hasSuffix("ed")
        return begins && !ends
    }

    private static func startsQuestion(_ text: String) -> Bool {
        guard let first = text.split(separator: " ").first?.lowercased() else { return false }
        return questionWords.contains(first) || auxiliaries.contains(first)
    }

    /// The first letter of a question word, verb or determiner becomes small; names stay.
    private static func lowercasedFirst(_ text: String) -> String {
        guard let first = text.split(separator: " ").first else { return text }
        let word = first.lowercased()
        let isCommon =
            questionWords.contains(word) || auxiliaries.contains(word) || determiners.contains(word) || prepositions.contains(word)
            || ["tell", "give", "show", "send", "name", "list"].contains(word)
        return isCommon ? word + text.dropFirst(first.count) : text
    }

    private static func trimmed(_ text: String) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
