import Generation
import Testing

@testable import Inference

/// Who is admitted and who gives way, in a simulation that counts steps: the same on every machine.
@Suite("Sequence roster")
struct SequenceRosterTests {
    /// Streams of the simulation must not count as saturated unless a test wants it.
    private func endless() -> GenerationStream { GenerationStream(capacity: .max) {} }

    private func expectRun(_ simulation: inout SchedulingSimulation, _ place: SourceLocation = #_sourceLocation) {
        let ran = simulation.run()
        #expect(ran, sourceLocation: place)
    }

    @Test("16 short requests beside three endless ones with a full cache take at most 3 times as long as alone", arguments: [2, 20, 64])
    func shortBesideEndless(answer: Int) {
        var alone = SchedulingSimulation(blocks: 364)
        for index in 0..<16 { alone.submit("short \(index)", prompt: 40, answer: answer, stream: endless()) }
        while alone.run() {}
        for extra in stride(from: 0, to: 240, by: 24) {
            var full = SchedulingSimulation(blocks: 364)
            for index in 0..<3 { full.submit("long \(index)", prompt: 40, answer: 100_000, stream: endless()) }
            while full.roster.preemptions == 0 { full.run() }
            for _ in 0..<extra { full.run() }
            for index in 0..<16 { full.submit("short \(index)", prompt: 40, answer: answer, stream: endless()) }
            while full.outcomes("short").count < 16 { expectRun(&full) }
            #expect(full.outcomes("short").worst <= 3 * alone.outcomes("short").worst, "\(extra) steps after the cache was full")
            while full.run() {}
            #expect(full.outcomes.count == 19)
        }
    }

    @Test("short requests that keep coming neither wait nor starve the long ones, and little is computed again")
    func bursts() {
        var simulation = SchedulingSimulation(blocks: 364)
        for index in 0..<3 { simulation.submit("long \(index)", prompt: 40, answer: 100_000, stream: endless()) }
        var bursts = 0
        while simulation.outcomes("long").count < 3 {
            if simulation.step % 150 == 149, bursts < simulation.step / 150 {
                bursts += 1
                for index in 0..<8 { simulation.submit("short \(bursts) \(index)", prompt: 40, answer: 16, stream: endless()) }
            }
            expectRun(&simulation)
            if simulation.step > 40_000 { break }
        }
        while simulation.run() {}
        #expect(simulation.outcomes("long").count == 3)
        #expect(simulation.outcomes("short").count == bursts * 8)
        #expect(simulation.outcomes("short").worst < 600)
        let computed = simulation.outcomes.reduce(0) { $0 + $1.tokens + 40 }
        #expect(simulation.roster.recomputedTokens < 2 * computed, "of \(computed) tokens")
        #expect(simulation.roster.preemptions < 20)
    }

    @Test("three endless answers alone end one after another, and each is computed again a bounded number of times")
    func endlessAlone() {
        var simulation = SchedulingSimulation(blocks: 364)
        for index in 0..<3 { simulation.submit("long \(index)", prompt: 40, answer: 100_000, stream: endless()) }
        while simulation.run() {}
        #expect(simulation.outcomes.count == 3)
        #expect(simulation.outcomes.allSatisfy { $0.tokens == 364 * 16 - 40 })
        #expect(simulation.roster.preemptions <= 6)
        #expect(simulation.roster.recomputedTokens < 3 * 364 * 16 / 2, "at most half of what was generated")
    }

    @Test("the one that holds most gives way, and never one that ends within a few steps while another can")
    func victim() {
        for (answer, spared) in [(84, "large"), (300, "small")] {
            var simulation = SchedulingSimulation(blocks: 29)
            let large = simulation.submit("large", prompt: 300, answer: answer, stream: endless())
            let small = simulation.submit("small", prompt: 20, answer: 300, stream: endless())
            while simulation.roster.preemptions == 0, simulation.run() {}
            #expect(large.gaveWayAt == nil ? spared == "large" : spared == "small")
            #expect(small.gaveWayAt == nil ? spared == "small" : spared == "large")
            while simulation.run() {}
            #expect(simulation.outcomes.count == 2)
        }
    }

    @Test("a short answer that is admitted is never interrupted: admission looks at what is promised")
    func promises() {
        var simulation = SchedulingSimulation(blocks: 30)
        let long = (0..<2).map { simulation.submit("long \($0)", prompt: 16, answer: 400, stream: endless()) }
        var shorts: [RunningSequence] = []
        for index in 0..<400 {
            if index % 7 == 0 { shorts.append(simulation.submit("short \(index)", prompt: 20, answer: 30, stream: endless())) }
            expectRun(&simulation)
        }
        #expect(shorts.allSatisfy { $0.gaveWayAt == nil })
        while simulation.run() {}
        #expect(simulation.outcomes.count == shorts.count + long.count)
    }

    @Test("sequences whose readers are behind give their slots up, and go on later with all that they had")
    func saturated() {
        var simulation = SchedulingSimulation(blocks: 200, slots: 2)
        let streams = (0..<2).map { _ in GenerationStream(capacity: 8) {} }
        let slow = streams.enumerated().map { simulation.submit("slow \($0)", prompt: 30, answer: 50, stream: $1) }
        while simulation.run() {}
        #expect(slow.allSatisfy { $0.isActive && $0.completionCount == 8 }, "nothing waits, so they keep their slots")
        simulation.submit("other", prompt: 30, answer: 20, stream: endless())
        while simulation.run() {}
        #expect(simulation.outcomes.map(\.name) == ["other"])
        #expect(slow.count { $0.isActive } == 1)
        for _ in 0..<10 {
            for stream in streams { _ = stream.drain() }
            simulation.noteWake()
            while simulation.run() {}
        }
        #expect(Set(simulation.outcomes.map(\.name)) == ["other", "slow 0", "slow 1"])
        #expect(simulation.outcomes("slow").allSatisfy { $0.tokens == 50 })
        #expect(simulation.roster.recomputedTokens < 3 * 16, "only blocks that were not full, as memory was not short")
    }

    @Test("when all slots are held by readers that are behind, and so is the memory, a new request still runs")
    func saturatedMemory() {
        var simulation = SchedulingSimulation(blocks: 20, slots: 4)
        let streams = (0..<4).map { _ in GenerationStream(capacity: 40) {} }
        for (index, stream) in streams.enumerated() { simulation.submit("slow \(index)", prompt: 30, answer: 200, stream: stream) }
        while simulation.run() {}
        simulation.submit("other", prompt: 200, answer: 60, stream: endless())
        while simulation.run() {}
        #expect(simulation.outcomes.map(\.name) == ["other"])
    }

    @Test("a long prompt is overtaken only by what ends before it could run", arguments: [1, 2])
    func overtaking(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var simulation = SchedulingSimulation(blocks: 60)
        simulation.submit("long", prompt: 16, answer: 700, stream: endless())
        for _ in 0..<500 { simulation.run() }
        simulation.submit("prompt", prompt: 700, answer: 20, stream: endless())
        for index in 0..<2000 {
            if index % 3 == 0 {
                simulation.submit("short \(index)", prompt: 20, answer: Int.random(in: 4...40, using: &random), stream: endless())
            }
            simulation.run()
            if !simulation.outcomes("prompt").isEmpty { break }
        }
        #expect(!simulation.outcomes("prompt").isEmpty, "it ran though shorter requests kept coming")
        while simulation.run() {}
        #expect(simulation.isIdle)
    }

    @Test("any arrivals: all end, nothing leaks, no block is counted twice", arguments: [41, 42, 43, 44, 45, 46])
    func random(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var simulation = SchedulingSimulation(blocks: 80, slots: Int.random(in: 2...12, using: &random))
        var (count, wrong) = (0, 0)
        for _ in 0..<3000 {
            if count < 150, Int.random(in: 0..<12, using: &random) == 0 {
                let isLong = Int.random(in: 0..<4, using: &random) == 0
                simulation.submit(
                    "\(count)", prompt: Int.random(in: 1...(isLong ? 900 : 60), using: &random),
                    answer: Int.random(in: 1...(isLong ? 2000 : 40), using: &random), stream: endless())
                count += 1
            }
            simulation.run()
            var held = [Int32](repeating: 0, count: 80)
            for sequence in simulation.roster.active { for block in sequence.table.blocks { held[Int(block)] += 1 } }
            if held != simulation.roster.blocks.pool.references || simulation.roster.active.count > simulation.roster.slots { wrong += 1 }
        }
        #expect(wrong == 0, "seed \(seed)")
        var steps = 0
        while simulation.run(), steps < 200_000 { steps += 1 }
        #expect(simulation.isIdle && simulation.outcomes.count == count, "seed \(seed)")
        #expect(simulation.roster.blocks.availableCount == 80)
    }
}
