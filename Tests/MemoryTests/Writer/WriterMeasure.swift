import Foundation
import Models
import Tensors
import Testing

@testable import Memory

/// Not a test of CI: seconds a fact, recall and steps, for a release build. `LMOE_MEASURE_MEMORY=64 swift test -c release --filter WriterMeasure`
/// writes 64 facts; `LMOE_MEASURE_WORDINGS` is the number of wordings by rule.
@Suite struct WriterMeasure {
    private static let environment = ProcessInfo.processInfo.environment

    @Test("recall and time of random facts", .enabled(if: environment["LMOE_MEASURE_MEMORY"] != nil))
    func measure() throws {
        let count = Int(Self.environment["LMOE_MEASURE_MEMORY"] ?? "") ?? 64
        let own = try RealBase.shared.get()
        var settings = MemoryWriter.Settings()
        settings.ruleWordings = Int(Self.environment["LMOE_MEASURE_WORDINGS"] ?? "") ?? 3
        let writer = try MemoryWriter(own.base, own.calibration, pool: own.pool, settings: settings)
        let sample = SampleFact.draw(count, seed: 61)
        let facts = sample.enumerated().map { index, fact in
            Fact(id: UInt64(index), question: fact.question, answer: fact.answer, created: 0)
        }
        _ = try writer.write(Array(facts.prefix(2)))
        let start = ContinuousClock.now
        let results = try #require(try writer.write(facts))
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        var (asked, steps, most) = ([(text: String, answer: String, experts: FactExperts)](), 0, 0)
        for (fact, result) in zip(sample, results) {
            guard case .success(let written) = result else { continue }
            (steps, most) = (steps + written.steps, max(most, written.steps))
            asked += ([fact.question] + fact.heldOut).map { ($0, fact.answer, written.experts) }
        }
        let right = try #require(try writer.answers(asked))
        let written = asked.count / 4
        let held = (1...3).map { form in right.indices.count { $0 % 4 == form && right[$0] } }
        print(
            "\(count) facts, \(settings.ruleWordings) wordings by rule: \(seconds / Double(count)) s a fact, written \(written), told "
                + "\(right.indices.count { $0 % 4 == 0 && right[$0] }), held out \(held), steps \(Double(steps) / Double(max(1, written))), most \(most)")
    }
}
