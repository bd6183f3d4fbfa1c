public import Models
public import Tensors

/// Which layer of a base carries memory best: some facts are written at each, for their question alone, and asked in other words.
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
    /// since the highest layer costs the least. Nil: it was interrupted. Errors: those of `MemoryCalibration.measure` and `MemoryWriter`;
    /// `notLearned` when no layer answers anything.
    ///
    /// - Parameter progress: gets each score when it is known.
    public func run(
        _ base: MemoryBase, pool: WorkerPool, interruption: Interruption = Interruption(), progress: (Score) -> Void = { _ in }
    ) throws(MemoryError) -> (calibration: MemoryCalibration, scores: [Score])? {
        let sample = SampleFact.draw(facts, seed: 23)
        var (scores, best) = ([Score](), (right: 0, calibration: MemoryCalibration?.none))
        for site in sites {
            let measured = try MemoryCalibration.measure(base, site: site, pool: pool, interruption: interruption)
            guard let calibration = measured else { return nil }
            // With one wording a fact shows how well its keys carry over to others.
            var settings = MemoryWriter.Settings()
            settings.ruleWordings = 0
            let writer = try MemoryWriter(base, calibration, pool: pool, settings: settings, interruption: interruption)
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
        let facts = sample.enumerated().map { index, fact in
            Fact(id: UInt64(index), question: fact.question, answer: fact.answer, created: 0)
        }
        guard let results = try writer.write(facts) else { return nil }
        var (asked, steps) = ([(text: String, answer: String, experts: FactExperts)](), 0)
        for (fact, result) in zip(sample, results) {
            guard case .success(let written) = result else { continue }
            steps += written.steps
            asked += (fact.heldOut + fact.distant).map { ($0, fact.answer, written.experts) }
        }
        guard let right = try writer.answers(asked) else { return nil }
        let written = results.count { if case .success = $0 { true } else { false } }
        return Score(
            site: writer.calibration.site, facts: sample.count, written: written,
            asked: sample.reduce(0) { $0 + $1.heldOut.count + $1.distant.count },
            right: right.count { $0 }, steps: Double(steps) / Double(max(1, written)))
    }
}
