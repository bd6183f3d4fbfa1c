import Foundation
import Synchronization
import Testing

@testable import Tensors

@Suite struct CoreShareTests {
    private final class Count: Sendable {
        let value = Atomic(0)
        func add() { value.wrappingAdd(1, ordering: .sequentiallyConsistent) }
        var now: Int { value.load(ordering: .sequentiallyConsistent) }
    }

    /// A thread that runs a background pool again and again, until `stop`.
    private final class Background: Sendable {
        let runs = Count()
        private let isOver = Atomic(false)
        private let end = DispatchSemaphore(value: 0)

        init(_ share: CoreShare, threads: Int) throws {
            let pool = try WorkerPool(starting: threads, share: share, isBackground: true)
            let thread = Thread { [self] in
                CoreShare.lowerThreadPriority()
                while !isOver.load(ordering: .relaxed) {
                    pool.run { _ in
                        pool.barrier()
                        pool.giveWay()
                    }
                    runs.add()
                }
                end.signal()
            }
            thread.start()
        }

        func stop() {
            isOver.store(true, ordering: .relaxed)
            end.wait()
        }

        /// Returns when another run is done.
        func waitForRun() {
            let before = runs.now
            while runs.now == before { usleep(200) }
        }
    }

    private func wait(_ condition: () -> Bool) { while !condition() { usleep(200) } }

    @Test(arguments: [1, 3]) func theBackgroundWaitsWhileTheForegroundIsBusy(threads: Int) throws {
        let share = CoreShare(background: 0.1)
        let background = try Background(share, threads: threads)
        background.waitForRun()
        var steps = ForegroundSteps(share)
        steps.begin()
        wait { share.isAwaited }
        // One run may have been under way.
        let held = background.runs.now
        usleep(5_000)
        #expect(background.runs.now <= held + 1)
        steps.end()
        background.waitForRun()
        background.stop()
    }

    @Test func aRunInTheForegroundHoldsTheBackgroundAsLongAsItLasts() throws {
        let share = CoreShare(background: 0)
        let pool = try WorkerPool(starting: 2, share: share)
        let background = try Background(share, threads: 2)
        pool.run { thread in
            guard thread == 0 else { return }
            wait { share.isAwaited }
        }
        background.waitForRun()
        background.stop()
    }

    @Test func theBackgroundGetsTurnsBetweenStepsThatNeverEnd() throws {
        let share = CoreShare(background: 0.5)
        let background = try Background(share, threads: 2)
        var steps = ForegroundSteps(share)
        steps.begin()
        wait { share.isAwaited }
        let before = background.runs.now
        // A turn is due after 5 ms of steps.
        while background.runs.now < before + 2 {
            usleep(500)
            steps.stepEnded()
        }
        share.stopHolding()
        background.waitForRun()
        background.stop()
        steps.end()
    }

    @Test func workThatAClientWaitsForGetsAGreaterShareAsLongAsItLasts() throws {
        let share = CoreShare(background: 0)
        let background = try Background(share, threads: 2)
        var steps = ForegroundSteps(share)
        steps.begin()
        wait { share.isAwaited }
        share.withBackground(atLeast: 0.5) {
            let before = background.runs.now
            while background.runs.now < before + 2 {
                usleep(500)
                steps.stepEnded()
            }
        }
        #expect(share.current == 0)
        share.stopHolding()
        background.waitForRun()
        background.stop()
        steps.end()
    }

    @Test(arguments: [0.05, 0.1, 0.5, 0.9]) func turnsTakeTheShareOfTheTime(share: Double) {
        var turns = BackgroundTurns(share: share)
        var (now, background) = (7, 0)
        turns.begin(now: now)
        for step in 0..<20_000 {
            now += 1_000_000 + step % 7 * 300_000
            if let turn = turns.stepEnded(now: now, isAwaited: true) {
                // The thread wakes up late.
                let taken = turn + step % 3 * 100_000
                now += taken
                background += taken
                turns.turnEnded(now: now)
            }
        }
        #expect(abs(Double(background) / Double(now) - share) < 0.02 * share)
    }

    @Test func noTurnIsDueWhereNobodyWaitsOrNothingIsShared() {
        var turns = BackgroundTurns(share: 0.5)
        turns.begin(now: 0)
        for step in 1...100 { #expect(turns.stepEnded(now: step * 3_000_000, isAwaited: false) == nil) }
        #expect(turns.stepEnded(now: 301_000_000, isAwaited: true) == nil, "what nobody waited for was not earned")
        var none = BackgroundTurns(share: 0)
        for step in 1...100 { #expect(none.stepEnded(now: step * 3_000_000, isAwaited: true) == nil) }
    }
}
