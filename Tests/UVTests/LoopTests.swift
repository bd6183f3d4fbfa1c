import Foundation
import Synchronization
import Testing
import UV

@LoopActor private var arrivals: [Int: [Int]] = [:]

@Suite(.serialized) struct LoopTests {
    @Test func loopCodeRunsOnOneThread() async {
        #expect(!LoopActor.isCurrent)
        let isCurrent = await Task { @LoopActor in
            await Task.yield()
            return LoopActor.isCurrent
        }.value
        #expect(isCurrent)
    }

    @Test func postsOfManyThreadsAllArriveEachThreadInOrder() async {
        await withTaskGroup(of: Void.self) { group in
            for sender in 0..<8 {
                group.addTask {
                    for number in 0..<5000 {
                        LoopActor.post { arrivals[sender, default: []].append(number) }
                    }
                }
            }
        }
        let all = await Task { @LoopActor in arrivals }.value
        #expect(all.count == 8)
        for numbers in all.values { #expect(numbers == Array(0..<5000)) }
    }

    @Test func jobsThatMakeJobsDoNotStarveTimers() async {
        let fired = await withCheckedContinuation { continuation in
            LoopActor.post {
                let flag = Flag()
                LoopTimer {
                    flag.raise()
                    continuation.resume(returning: true)
                }.start(afterMilliseconds: 20)
                spin(until: flag)
            }
        }
        #expect(fired)
    }

    @Test func jobsWaitWhileTheLoopIsStopped() async throws {
        await Task { @LoopActor in }.value
        await Task.detached { LoopActor.stop() }.value
        let ran = Flag()
        LoopActor.post { ran.raise() }
        try await Task.sleep(for: .milliseconds(50))
        #expect(!ran.isRaised)
        LoopActor.start()
        await Task { @LoopActor in }.value
        #expect(ran.isRaised)
    }

    @Test @LoopActor func timersFireOnceOrAgainAndStop() async throws {
        let once = Calls(), often = Calls(), never = Calls()
        let timers = [LoopTimer { once.add() }, LoopTimer { often.add() }, LoopTimer { never.add() }]
        timers[0].start(afterMilliseconds: 5)
        timers[1].start(afterMilliseconds: 5, repeatMilliseconds: 5)
        timers[2].start(afterMilliseconds: 30)
        timers[2].stop()
        #expect(try await often.more(than: 3))
        #expect(once.count == 1 && !timers[0].isActive && timers[1].isActive)
        for timer in timers { timer.close() }
        timers[1].start(afterMilliseconds: 1)
        let count = often.count
        try await Task.sleep(for: .milliseconds(50))
        #expect(often.count == count && never.count == 0)
    }

    @Test @LoopActor func signalsArriveOnTheLoop() async throws {
        let calls = Calls()
        let watch = try SignalWatch(.hangUp) { calls.add() }
        defer { watch.close() }
        kill(getpid(), SIGHUP)
        #expect(try await calls.more(than: 0))
    }
}

/// A flag that any thread may raise.
private final class Flag: Sendable {
    private let raised = Mutex(false)
    func raise() { raised.withLock { $0 = true } }
    var isRaised: Bool { raised.withLock { $0 } }
}

/// A job that posts itself again until the flag is raised.
@LoopActor
private func spin(until flag: Flag) {
    guard !flag.isRaised else { return }
    LoopActor.post { spin(until: flag) }
}
