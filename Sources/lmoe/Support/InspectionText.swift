import Adapters
import Routing

/// What a check of a folder found, for people.
struct InspectionText {
    let inspection: AdapterInspection
    let route: RouteFinding
    /// Adapters whose examples are nearly the same.
    let duplicates: [(name: String, similarity: Float)]
    let name: String

    var text: String { (summaryLines + effectLines + routingLines + problemLines).joined(separator: "\n") }

    private var summaryLines: [String] {
        var lines = ["\(name)  \(inspection.takesEffect ? "takes effect" : "does NOT take effect")"]
        if let summary = inspection.summary {
            let alpha = summary.alpha.map { "\($0)" } ?? "-"
            lines.append("family      \(summary.family), rank \(range(summary.ranks)), alpha \(alpha)")
            lines.append("targets     \(summary.targets.joined(separator: ", ")); \(summary.patchCount) projections")
            lines.append(
                "parameters  \(summary.parameters); \(Figure.bytes(inspection.fileBytes)) on disk, "
                    + "\(Figure.bytes(inspection.residentBytes)) in memory")
            if let made = summary.baseModelName { lines.append("made for    \(made)") }
            lines += summary.notices.map { "notice      \($0)" }
        }
        if let version = inspection.version { lines.append("version     \(version)") }
        if inspection.hasChatTemplate { lines.append("template    its own") }
        return lines
    }

    private var effectLines: [String] {
        let norms = inspection.effects.map(\.norm)
        guard let least = norms.min(), let most = norms.max() else { return [] }
        return [
            "effect      norms \(Figure.decimals(least, 4)) to \(Figure.decimals(most, 4)); "
                + "\(inspection.idleTargets.count) targets change nothing"
        ]
    }

    private var routingLines: [String] {
        let count = route.definition?.examples.count ?? 0
        let found = "\(count == 0 ? "the description" : "\(count) examples") from \(route.definition?.source ?? "nowhere")"
        return ["routing     \(route.problem ?? found)"]
            + duplicates.map { other in
                "near        \(other.name): examples \(Figure.decimals(Double(other.similarity), 3)) alike; "
                    + "the router can hardly tell them apart"
            }
    }

    private var problemLines: [String] {
        var lines = inspection.problems.map { "problem     \($0)" }
        let more = inspection.problemCount - inspection.problems.count
        if more > 0 { lines.append("            … and \(more) more") }
        return lines
    }

    private func range(_ ranks: ClosedRange<Int>?) -> String {
        guard let ranks else { return "-" }
        return ranks.count == 1 ? "\(ranks.lowerBound)" : "\(ranks.lowerBound) to \(ranks.upperBound)"
    }
}
