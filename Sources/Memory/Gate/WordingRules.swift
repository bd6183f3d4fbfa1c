/// Further wordings of a question, made by rules: other spellings and abbreviations of its words. Each is a key of its own, which
/// `MemoryGate.check` compares with the other facts before it is used.
///
/// Synonyms of the field, such as "keypad code" for "door code", must be told (`MemorySettings.synonyms`, or wordings of a fact): the
/// encoder does not tell them from the names of other things, and a list of words would guess.
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

    private static let table = SynonymTable(groups)

    /// At most `most` wordings, each with one group's words put for each other, in the order of the words of the question.
    public static func wordings(of question: String) -> [String] { table.wordings(of: question, most: most) }
}
