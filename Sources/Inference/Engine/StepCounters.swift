import Synchronization

/// Counters of every step. One thread adds, any thread reads; values may be a step apart from each other.
final class StepCounters: Sendable {
    private let steps = Atomic(0)
    private let rows = Atomic(0)
    private let stepNanoseconds = Atomic(0)
    private let samplingNanoseconds = Atomic(0)
    private let blocksInUse = Atomic(0)
    private let proposed = Atomic(0)
    private let accepted = Atomic(0)
    private let stepAllocations = Atomic(0)
    private let deliveryAllocations = Atomic(0)

    /// One step.
    struct Report {
        var rows = 0
        var step = Duration.zero
        var sampling = Duration.zero
        var blocksInUse = 0
        var proposed = 0
        var accepted = 0
        var stepAllocations = 0
        var deliveryAllocations = 0
    }

    func add(_ report: Report) {
        steps.wrappingAdd(1, ordering: .relaxed)
        rows.wrappingAdd(report.rows, ordering: .relaxed)
        stepNanoseconds.wrappingAdd(Int(report.step / .nanoseconds(1)), ordering: .relaxed)
        samplingNanoseconds.wrappingAdd(Int(report.sampling / .nanoseconds(1)), ordering: .relaxed)
        blocksInUse.store(report.blocksInUse, ordering: .relaxed)
        proposed.wrappingAdd(report.proposed, ordering: .relaxed)
        accepted.wrappingAdd(report.accepted, ordering: .relaxed)
        stepAllocations.wrappingAdd(report.stepAllocations, ordering: .relaxed)
        deliveryAllocations.wrappingAdd(report.deliveryAllocations, ordering: .relaxed)
    }

    /// Blocks that are held change also when sequences end.
    func note(blocksInUse count: Int) { blocksInUse.store(count, ordering: .relaxed) }

    func write(to statistics: inout EngineStatistics) {
        statistics.steps = steps.load(ordering: .relaxed)
        statistics.stepRows = rows.load(ordering: .relaxed)
        statistics.stepMilliseconds = Double(stepNanoseconds.load(ordering: .relaxed)) / 1e6
        statistics.samplingMilliseconds = Double(samplingNanoseconds.load(ordering: .relaxed)) / 1e6
        statistics.keyValueBlocksInUse = blocksInUse.load(ordering: .relaxed)
        statistics.proposedTokens = proposed.load(ordering: .relaxed)
        statistics.acceptedTokens = accepted.load(ordering: .relaxed)
        statistics.stepAllocations = stepAllocations.load(ordering: .relaxed)
        statistics.deliveryAllocations = deliveryAllocations.load(ordering: .relaxed)
    }
}
