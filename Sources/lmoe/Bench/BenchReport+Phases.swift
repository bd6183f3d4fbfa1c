import JSON
import Models

/// Where the time of steps goes.
extension BenchReport {
    /// For people; nil where it was not asked for.
    var phaseTables: String? {
        let tables = prefill.filter { !$0.phases.isEmpty }.map { phaseTable($0, "prompt of \($0.tokens)") }
            + decode.filter { !$0.phases.isEmpty }.map { phaseTable($0, "decode, \($0.rows) \($0.rows == 1 ? "row" : "rows") after \($0.context) tokens") }
        guard !tables.isEmpty else { return nil }
        let note = "ms: the mean of the threads; longest: the slowest thread. A product's prediction has its adapters' bytes and operations."
        let missing = hasCounts ? "" : "\nNo cycles and cache misses: this machine does not let a process count them."
        return tables.joined(separator: "\n\n") + "\n" + note + missing
    }

    private var hasCounts: Bool { (prefill + decode).allSatisfy { $0.phases.allSatisfy { $0.counts != nil } } }

    private func phaseTable(_ result: StepResult, _ title: String) -> String {
        let counted = hasCounts ? ["instructions/cycle", "misses"] : []
        var table = Table(
            ["\(title), \(result.mix.label)", "ms", "longest", "share", "predicted", "GB/s", "GOP/s"] + counted, leansRight: Set(1...8))
        let all = result.phases.reduce(0) { $0 + $1.seconds }
        for phase in result.phases {
            func rate(_ amount: Int, _ digits: Int) -> String {
                amount == 0 ? "" : Figure.decimals(Double(amount) / phase.seconds / 1e9, digits)
            }
            table.add(
                [
                    phase.phase.label, Figure.decimals(phase.seconds * 1000, 2), Figure.decimals(phase.longest * 1000, 2),
                    "\(Figure.decimals(phase.seconds / all * 100, 0)) %",
                    phase.cost.isEmpty ? "" : Figure.decimals(predicted(phase) * 1000, 2), rate(phase.bytes, 1), rate(phase.operations, 0),
                ] + (phase.counts.map { [Figure.decimals(Double($0.instructions) / Double($0.cycles), 2), "\($0.cacheMisses)"] } ?? []))
        }
        return table.text
    }

    private func predicted(_ phase: PhaseResult) -> Double {
        ModelCost(phases: phase.cost).seconds(bandwidth: machine.bandwidth, int8Rate: machine.int8Rate, f32Rate: machine.f32Rate)
    }

    /// For programs: of one step, in seconds.
    func json(_ phases: [PhaseResult]) -> JSONValue {
        .array(
            phases.map { phase in
                [
                    "phase": .string("\(phase.phase)"), "seconds": .number(phase.seconds), "longest_seconds": .number(phase.longest),
                    "predicted_seconds": phase.cost.isEmpty ? .null : .number(predicted(phase)), "bytes": .integer(Int64(phase.bytes)),
                    "operations": .integer(Int64(phase.operations)),
                    "cycles": phase.counts.map { .integer(Int64($0.cycles)) } ?? .null,
                    "instructions": phase.counts.map { .integer(Int64($0.instructions)) } ?? .null,
                    "cache_misses": phase.counts.map { .integer(Int64($0.cacheMisses)) } ?? .null,
                ]
            })
    }
}
