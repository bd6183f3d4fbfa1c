/// Words that say how a question is put, and common words that count as names. The same as in scripts/memory/gate.py.
enum QuestionWords {
    /// Words that carry no content of a question: function words, and words of asking.
    static let plain = split(
        """
        a about all also am an and any are as at be because been being but by can could d did do does doing don down each for from had
        has have having he her here hers him his how i if in into is it its just ll m many me might mine much must my now o of off on
        once only or other our ours out own re s same shall she should so some such t than that the their theirs them then there these
        they this those to too until up ve very was we were what when where which while who whom whose why will with would you your
        yours us ask asking check curious find get give hello help hey hi know let like look looking need please question quick remind
        say show tell thank thanks want wonder wondering
        """)

    /// Common words that tell one thing from another as a name does.
    static let distinct = split(
        """
        january february march april june july august september october november december monday tuesday wednesday thursday friday
        saturday sunday one two three four five six seven eight nine ten eleven twelve hundred thousand million first second third
        fourth fifth sixth seventh eighth ninth tenth last north south east west northern southern eastern western left right upper
        lower red blue green yellow black white brown orange purple pink grey gray
        """)

    /// A bit for each kind of question. What and which may ask for anything.
    static let asking: [String: UInt8] = ["who": 1, "whom": 1, "whose": 1, "when": 2, "where": 4, "why": 8, "how": 16]

    /// Before a word without content this is a verb ("may I"), otherwise a month.
    static let month = "may"
    /// With one of `amounts` behind it, it asks for a number.
    static let how = "how"
    static let amounts = ["many", "much"]

    /// The last one is that of "can't".
    static let negations = ["not", "no", "never", "without", "cannot", "t"]

    private static func split(_ words: String) -> [String] { words.split { $0 == " " || $0 == "\n" }.map(String.init) }
}
