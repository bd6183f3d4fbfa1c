import Testing

@testable import Tuning

@Suite struct EarlyStoppingTests {
    @Test func theRunEndsAfterEvaluationsWithoutImprovement() throws {
        var stopping = try EarlyStopping(patience: 2)
        #expect(stopping.record(loss: 2, step: 10) == .init(isBest: true, stops: false))
        #expect(stopping.record(loss: 1.5, step: 20) == .init(isBest: true, stops: false))
        #expect(stopping.record(loss: 1.6, step: 30) == .init(isBest: false, stops: false))
        #expect(stopping.record(loss: 1.5, step: 40) == .init(isBest: false, stops: true))
        #expect(stopping.progress.bestLoss == 1.5)
        #expect(stopping.progress.bestStep == 20)
    }

    @Test func smallFallsAddUpUntilTheyCount() throws {
        var stopping = try EarlyStopping(patience: 3, leastImprovement: 0.25)
        let losses = [2, 1.875, 1.75, 1.625, 1.5]
        let outcomes = losses.enumerated().map { stopping.record(loss: $1, step: $0) }
        #expect(outcomes == Array(repeating: .init(isBest: true, stops: false), count: 5))
        #expect(stopping.progress.markedLoss == 1.625)
        #expect(stopping.progress.evaluationsWithoutImprovement == 1)
    }

    @Test func aLossThatIsNotFiniteIsNoImprovement() throws {
        var stopping = try EarlyStopping(patience: 2)
        #expect(stopping.record(loss: .infinity, step: 1) == .init(isBest: false, stops: false))
        #expect(stopping.record(loss: 3, step: 2) == .init(isBest: true, stops: false))
        #expect(stopping.record(loss: .nan, step: 3) == .init(isBest: false, stops: false))
        #expect(stopping.record(loss: .infinity, step: 4) == .init(isBest: false, stops: true))
    }

    @Test func aResumedRunCountsOn() throws {
        var first = try EarlyStopping(patience: 2)
        _ = first.record(loss: 1, step: 1)
        _ = first.record(loss: 2, step: 2)
        var resumed = try EarlyStopping(patience: 2, progress: first.progress)
        #expect(resumed.record(loss: 2, step: 3).stops)
        var endless = try EarlyStopping(patience: nil, progress: resumed.progress)
        #expect(!endless.record(loss: 2, step: 4).stops)
        #expect(throws: TuningError.self) { try EarlyStopping(patience: 0) }
    }
}

@Suite struct LossWatchTests {
    @Test func aLossFarAboveItsStartEndsTheRun() throws {
        var watch = try LossWatch(patience: 3)
        for _ in 0..<8 { try watch.record(3) }
        #expect(watch.limit == 5)
        for loss in [6, 7, 4.9, 6, 7] { try watch.record(loss) }
        let error = #expect(throws: TuningError.self) { try watch.record(8) }
        #expect(error?.description == "the loss stayed above 5.0 for 3 steps, the last 8.0: lower the learning rate")
        #expect(error?.code == .diverged)
    }

    @Test func lossesOfAnotherSizeHaveALimitInProportion() throws {
        var watch = try LossWatch()
        for _ in 0..<8 { try watch.record(24) }
        #expect(watch.limit == 36)
    }

    @Test func aLossThatIsNotFiniteEndsTheRun() throws {
        var watch = try LossWatch(patience: 2)
        try watch.record(.nan)
        #expect(watch.progress.startCount == 0)
        try watch.record(1)
        try watch.record(.infinity)
        let error = #expect(throws: TuningError.self) { try watch.record(.nan) }
        #expect(error?.code == .nonFinite)
    }

    @Test func aGivenLimitHoldsFromTheFirstStep() throws {
        var watch = try LossWatch(greatestLoss: 5, patience: 2)
        try watch.record(6)
        #expect(throws: TuningError.self) { try watch.record(6) }
        var resumed = try LossWatch(greatestLoss: 5, patience: 3, progress: watch.progress)
        #expect(throws: TuningError.self) { try resumed.record(6) }
        #expect(throws: TuningError.self) { try LossWatch(greatestLoss: .nan) }
    }
}
