public import Models
public import Tensors

/// Which layer of a base carries memory best: some facts are written at each, and asked in words that they were not written for.
public struct SiteSweep: Sendable {
    /// How one layer did.
    public struct Score: Sendable, Equatable {
        public var site: Int
        public var facts: Int
        /// Facts that were written, and are exact as they were told.
        public var written: Int
        /// Held-out questions, and those whose answers are exact.
        public var asked: Int
        public var right: Int
        /// Of a fact that was written.
        public var steps: Double
    }

    /// Layers, the highest first.
    public var sites: [Int]
    public var facts: Int

    /// The upper third of the base, without its last layer, from which nothing could follow.
    public static func candidates(_ configuration: DecoderConfiguration) -> [Int] {
        let layers = configuration.layers
        return Array((max(0, layers - max(2, layers / 3))..<max(1, layers - 1)).reversed())
    }

    public init(sites: [Int], facts: Int = 16) {
        precondition(1...1000 ~= facts, "a sweep with \(facts) facts was asked for, expected 1 to 1000")
        (self.sites, self.facts) = (sites, facts)
    }

    /// The best calibration and the scores in the order of `sites`. The most right answers win; among equal ones the first of the list,
    /// since the highest layer costs the least. Nil: it was interrupted. Errors: those of `MemoryCalibration.measure` and `MemoryWriter`; `notLearned` when no layer answers anything.
    ///
    /// - Parameter progress: gets each score when it is known.
    public func run(
        _ base: MemoryBase, pool: WorkerPool, interruption: Interruption = Interruption(), progress: (Score) -> Void = { _ in }
    ) throws(MemoryError) -> (calibration: MemoryCalibration, scores: [Score])? {
        let sample = SampleFact.draw(facts, seed: 23)
        var (scores, best) = ([Score](), (right: 0, calibration: MemoryCalibration?.none))
        for site in sites {
            guard let calibration = try MemoryCalibration.measure(base, site: site, pool: pool, interruption: interruption) else { return nil }
            let writer = try MemoryWriter(base, calibration, pool: pool, interruption: interruption)
            guard let score = try Self.score(writer, sample) else { return nil }
            scores.append(score)
            progress(score)
            if score.right > best.right { best = (score.right, calibration) }
        }
        guard let calibration = best.calibration else {
            throw MemoryError(.notLearned, "no layer of \(sites) of \(base.name) answers a held-out question")
        }
        return (calibration, scores)
    }

    private static func score(_ writer: MemoryWriter, _ sample: [SampleFact]) throws(MemoryError) -> Score? {
        let facts = sample.enumerated().map { Fact(id: UInt64($0.offset), question: $0.element.question, answer: $0.element.answer, created: 0) }
        guard let results = try writer.write(facts) else { return nil }
        var (asked, steps) = ([(text: String, answer: String, experts: FactExperts)](), 0)
        for (fact, result) in zip(sample, results) {
            guard case .success(let written) = result else { continue }
            steps += written.steps
            asked += fact.heldOut.map { ($0, fact.answer, written.experts) }
        }
        guard let right = try writer.answers(asked) else { return nil }
        let written = results.count { if case .success = $0 { true } else { false } }
        return Score(
            site: writer.calibration.site, facts: sample.count, written: written, asked: sample.reduce(0) { $0 + $1.heldOut.count },
            right: right.count { $0 }, steps: Double(steps) / Double(max(1, written)))
    }
}

/// A made-up fact: a question about a thing of an entity, an answer of 32 random letters and digits, and other ways to ask.
struct SampleFact: Sendable {
    var question: String
    var answer: String
    /// They keep the nouns.
    var heldOut: [String]

    private static let things = [
        "access code", "registration key", "recovery phrase", "serial number", "licence number", "tracking number", "voucher code", "wifi password",
        "reference string", "door code",
    ]
    private static let kinds = ["account", "project", "warehouse", "contract"]
    private static let stems = ["Lar", "Han", "Jen", "Pet", "Ras", "Karl", "Sven", "Hol", "Ber", "Thor", "Dal", "Lind", "Gran", "Mar", "Kol", "Wal"]
    private static let ends = ["sen", "berg", "quist", "lund", "holm", "strom", "mann", "ley", "ford", "ton", "stad", "vik", "haug", "stein", "kamp", "ova"]

    /// The same facts from the same seed, no two of them about the same thing.
    static func draw(_ count: Int, seed: UInt64) -> [SampleFact] {
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
                    ]))
        }
        return facts
    }
}
