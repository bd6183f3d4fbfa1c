import Dispatch
import Foundation
import Gateway
import Inference
import Models
import Synchronization
import Tensors
import Tuning

/// What tuning in the same process costs serving, and what it gets: the same requests without and with a tuner beside them, in turn.
struct SharedCoresMeasure {
    static let streams = 4
    /// Of the time while requests run, what the tuner gets.
    let share: Double
    /// Tokens of all streams in a second.
    private(set) var decode = Pair()
    /// Seconds to the first token of a prompt of 64 tokens, of a request alone and of one beside the streams.
    private(set) var firstToken = Pair()
    private(set) var firstTokenBeside = Pair()
    /// The tuner's tokens in a second, forward and back: alone, and beside the streams.
    private(set) var tuning = Pair()

    struct Pair {
        var alone: [Double] = []
        var beside: [Double] = []

        mutating func dropFirstRound(of rounds: Int) {
            alone.removeFirst(alone.count / rounds)
            beside.removeFirst(beside.count / rounds)
        }

        /// Of the medians.
        var ratio: Double { Samples(beside).median / Samples(alone).median }
    }

    /// Tokens of an answer: of those whose speed is measured, long enough for several steps of the tuner's share, and of those beside which
    /// first tokens are.
    private static let answer = 1024
    private static let shortAnswer = 256
    private static let tuningTokens = 64

    init(_ bench: Workbench, pool: WorkerPool, repeats: Int) throws {
        share = pool.share?.background ?? 0
        let tuner = try Tuner(bench, pool: try bench.configuration.startTuningPool(beside: pool))
        for _ in 0...repeats {
            try measure(bench, \.alone)
            tuner.start()
            let before = tuner.tokens
            let seconds = elapsed { _ = usleep(1_500_000) }
            tuning.alone.append(Double(tuner.tokens - before) / seconds)
            try measure(bench, \.beside, tuner)
            tuner.stop()
        }
        // The first round warms up.
        for place in [\Self.decode, \.firstToken, \.firstTokenBeside, \.tuning] as [WritableKeyPath<Self, Pair>] {
            self[keyPath: place].dropFirstRound(of: repeats + 1)
        }
    }

    private mutating func measure(_ bench: Workbench, _ side: WritableKeyPath<Pair, [Double]>, _ tuner: Tuner? = nil) throws {
        firstToken[keyPath: side] += try Self.firstTokens(bench)
        let before = tuner?.tokens ?? 0
        let streams = try Streams(bench, tokens: Self.answer)
        let seconds = try streams.wait()
        if let tuner { tuning.beside.append(Double(tuner.tokens - before) / seconds) }
        decode[keyPath: side].append(Double(Self.streams * Self.answer) / seconds)
        let more = try Streams(bench, tokens: Self.shortAnswer)
        usleep(50_000)
        firstTokenBeside[keyPath: side] += try Self.firstTokens(bench)
        _ = try more.wait()
    }

    private static func firstTokens(_ bench: Workbench) throws -> [Double] {
        try (0..<5).map { _ in try bench.generate(bench.freshPrompt(64), tokens: 1) }
    }

    /// Requests that run together.
    private final class Streams {
        private let group = DispatchGroup()
        private let start = ContinuousClock.now
        private let failure = Failures()

        private final class Failures: Sendable {
            let first = Mutex<(any Error)?>(nil)
        }

        init(_ bench: Workbench, tokens: Int) throws {
            for _ in 0..<SharedCoresMeasure.streams {
                let request = bench.request(bench.freshPrompt(32), tokens: tokens)
                DispatchQueue.global().async(group: group) { [engine = bench.engine, failure] in
                    do {
                        _ = try Answer.run(request, on: engine, onText: { _ in })
                    } catch {
                        failure.first.withLock { $0 = error }
                    }
                }
            }
        }

        /// Seconds in which all ended.
        func wait() throws -> Double {
            group.wait()
            if let failure = failure.first.withLock({ $0 }) { throw failure }
            return (ContinuousClock.now - start) / .seconds(1)
        }
    }

    /// Tunes one task on a thread of its own.
    private final class Tuner {
        private final class Progress: Sendable {
            let tokens = Atomic(0)
            let interruption = Interruption()
        }

        private let progress = Progress()
        private let thread = TuningThread()
        private let tuned: Tuned

        /// `@unchecked Sendable`: only the tuner's thread uses the session, one call after the other.
        private final class Tuned: @unchecked Sendable {
            private let session: TuningSession

            init(_ session: TuningSession) { self.session = session }

            func run(_ progress: Progress) {
                while !progress.interruption.isSet {
                    do {
                        try session.advance { event in
                            if case .step(let report) = event { progress.tokens.wrappingAdd(report.tokens, ordering: .relaxed) }
                        }
                    } catch {
                        return
                    }
                }
            }
        }

        init(_ bench: Workbench, pool: WorkerPool) throws {
            let session = TuningSession(bench.engine.base.decoder, pool: pool, interruption: progress.interruption)
            let measure = TuningMeasure(base: bench.engine.base, pool: pool, repeats: 1)
            try session.add(try measure.task(0, sequences: 1, length: SharedCoresMeasure.tuningTokens))
            tuned = Tuned(session)
        }

        func start() {
            progress.interruption.clear()
            thread.async { [tuned, progress] in tuned.run(progress) }
        }

        func stop() {
            let done = DispatchSemaphore(value: 0)
            progress.interruption.set()
            thread.async { done.signal() }
            done.wait()
        }

        /// That went through the model so far.
        var tokens: Int { progress.tokens.load(ordering: .relaxed) }
    }
}
