/// A made-up fact: a question about a thing of an entity, an answer of 32 random letters and digits, and other ways to ask.
package struct SampleFact: Sendable {
    package var question: String
    package var answer: String
    /// They keep the nouns.
    package var heldOut: [String]
    /// Wordings that are further away: asides, another order, no sentence.
    package var distant: [String]

    private static let things = [
        "access code", "registration key", "recovery phrase", "serial number", "licence number", "tracking number", "voucher code",
        "wifi password", "reference string", "door code",
    ]
    private static let kinds = ["account", "project", "warehouse", "contract"]
    private static let stems = [
        "Lar", "Han", "Jen", "Pet", "Ras", "Karl", "Sven", "Hol", "Ber", "Thor", "Dal", "Lind", "Gran", "Mar", "Kol", "Wal",
    ]
    private static let ends = [
        "sen", "berg", "quist", "lund", "holm", "strom", "mann", "ley", "ford", "ton", "stad", "vik", "haug", "stein", "kamp", "ova",
    ]

    /// The same facts from the same seed, no two of them about the same thing.
    package static func draw(_ count: Int, seed: UInt64) -> [SampleFact] {
        var random = SeededNumbers(seed: seed)
        func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        var (facts, seen) = ([SampleFact](), Set<String>())
        while facts.count < count {
            let (thing, kind) = (things[pick(things.count)], kinds[pick(kinds.count)])
            let name = stems[pick(stems.count)] + ends[pick(ends.count)]
            let answer = String((0..<32).map { _ in letters[pick(letters.count)] })
            guard seen.insert("\(thing) \(name) \(kind)").inserted else { continue }
            facts.append(
                SampleFact(
                    question: "What is the \(thing) of the \(name) \(kind)?", answer: answer,
                    heldOut: [
                        "Which \(thing) belongs to the \(name) \(kind)?", "do you know the \(name) \(kind)'s \(thing)",
                        "For the \(name) \(kind), look up the \(thing).",
                    ],
                    distant: [
                        "I had it yesterday: the \(thing) of the \(name) \(kind). What was it again?", "\(name) \(kind) \(thing)",
                        "hey, quick one: \(kind) \(name), \(thing)?",
                        "Could somebody look up for me what the \(thing) for the \(kind) called \(name) is? Thanks a lot!",
                    ]))
        }
        return facts
    }
}
