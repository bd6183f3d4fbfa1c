import Models
import Tensors

/// What a phase takes in one step, all layers together.
struct PhaseResult {
    let phase: StepPhase
    /// The mean of the threads.
    let seconds: Double
    /// The thread that it takes longest.
    let longest: Double
    /// Of all threads; nil where the processor's counters cannot be read.
    let counts: ThreadCounters.Reading?
    /// The least that it must read and compute.
    let cost: [ModelCost.Phase]

    var bytes: Int { cost.reduce(0) { $0 + $1.bytes } }
    var operations: Int { cost.reduce(0) { $0 + $1.int8Operations + $1.f32Operations } }

    /// Those that took time, in the order of a layer.
    static func all(_ profile: StepProfile, steps: Int, _ cost: ModelCost) -> [PhaseResult] {
        StepPhase.allCases.compactMap { phase in
            let threads = (0..<profile.threads).map { profile.total(phase, thread: $0) }
            let seconds = threads.map { Double($0.nanoseconds) / 1e9 / Double(steps) }
            guard let longest = seconds.max(), longest > 0 else { return nil }
            var all = ThreadCounters.Reading()
            for reading in threads { all.add(from: .init(), to: reading) }
            return PhaseResult(
                phase: phase, seconds: seconds.reduce(0, +) / Double(threads.count), longest: longest,
                counts: profile.countsHardware ? all.divided(by: UInt64(steps)) : nil, cost: cost.phases.filter { $0.kind == phase })
        }
    }
}

extension StepPhase {
    /// For people.
    var label: String {
        switch self {
        case .embedding: "embedding"
        case .rows: "norms, rounding, sums"
        case .adapters: "adapters"
        case .queryKeyValue: "query, key, value"
        case .heads: "rotate and store heads"
        case .attention: "attention"
        case .output: "output"
        case .gateUp: "gate, up"
        case .down: "down"
        case .experts: "experts"
        case .head: "head"
        case .waiting: "waiting at barriers"
        }
    }
}

extension ThreadCounters.Reading {
    fileprivate func divided(by count: UInt64) -> Self {
        var reading = Self()
        reading.nanoseconds = nanoseconds / count
        reading.cycles = cycles / count
        reading.instructions = instructions / count
        reading.cacheMisses = cacheMisses / count
        return reading
    }
}
