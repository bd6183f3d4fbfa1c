/// The words of a text as two reference implementations see them.
public enum AnswerWords {
    /// SQuAD's `normalize_answer`: lower case, without ASCII punctuation, without the articles a, an, the, split at white space.
    public static func squad(_ text: String) -> [String] {
        var kept = String.UnicodeScalarView()
        for scalar in text.lowercased().unicodeScalars where !isPunctuation(scalar) { kept.append(scalar) }
        var words: [String] = []
        for piece in kept.split(whereSeparator: isSpace) { words += withoutArticles(piece) }
        return words
    }

    /// rouge_score's tokenizer without a stemmer: lower case, runs of `a-z` and `0-9`.
    public static func rouge(_ text: String) -> [String] {
        text.lowercased().unicodeScalars.split { !("a"..."z" ~= $0 || "0"..."9" ~= $0) }.map { String($0) }
    }

    /// Python's `string.punctuation`.
    private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
        default: false
        }
    }

    /// Python's `str.isspace`, which also counts four separators among the control characters.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || 0x1C...0x1F ~= scalar.value
    }

    /// An article is a whole word in the sense of Python's `\b`, so that other signs than white space may stand beside it. A space takes its
    /// place.
    private static func withoutArticles(_ piece: String.UnicodeScalarView.SubSequence) -> [String] {
        var pieces: [String] = []
        var current = String.UnicodeScalarView()
        func isArticle(_ word: String.UnicodeScalarView) -> Bool { ["a", "an", "the"].contains(String(word)) }
        func endPiece() {
            if !current.isEmpty { pieces.append(String(current)) }
            current = String.UnicodeScalarView()
        }
        var word = String.UnicodeScalarView()
        func endWord() {
            if isArticle(word) { endPiece() } else { current += word }
            word = String.UnicodeScalarView()
        }
        for scalar in piece {
            if isWordPart(scalar) {
                word.append(scalar)
            } else {
                endWord()
                current.append(scalar)
            }
        }
        endWord()
        endPiece()
        return pieces
    }

    /// Python's `\w`, without the underscore, which is gone as punctuation: letters and what has a numeric value.
    private static func isWordPart(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: scalar.properties.numericType != nil
        }
    }
}
