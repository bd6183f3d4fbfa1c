import JSON
import Merging

/// What a merge or an extraction made, for people and as JSON.
struct MergedFinding {
    let merged: MergedLoRA
    let folder: String
    let byteCount: Int

    init(_ merged: MergedLoRA, folder: String, byteCount: Int) {
        (self.merged, self.folder, self.byteCount) = (merged, folder, byteCount)
    }

    /// A row for each kind of projection, and one for all.
    var text: String {
        var table = Table(["module", "count", "rank", "change", "lost", "lost %"], leansRight: [1, 2, 3, 4, 5])
        for group in groups { table.add(row(group.name, group.modules)) }
        table.add(row("all", merged.modules))
        var lines = [table.text]
        if !merged.saved.isEmpty { lines.append("whole modules: \(listed(merged.saved.map(\.path)))") }
        if !merged.leftOut.isEmpty { lines.append("left out, as nothing is left of their change: \(listed(merged.leftOut))") }
        lines += merged.notices
        lines.append("made \(folder): \(merged.modules.count) modules, \(merged.parameters) parameters, \(Figure.bytes(byteCount))")
        return lines.joined(separator: "\n")
    }

    var json: JSONObject {
        let modules = merged.modules.map { module -> JSONValue in
            [
                "module": .string(module.path), "rank": .integer(Int64(module.rank)), "norm": .number(module.norm),
                "error": module.error.map(JSONValue.number) ?? .null,
            ]
        }
        return [
            "folder": .string(folder), "bytes": .integer(Int64(byteCount)), "parameters": .integer(Int64(merged.parameters)),
            "norm": .number(merged.norm), "error": merged.error.map(JSONValue.number) ?? .null, "modules": .array(modules),
            "saved": .array(merged.saved.map { .string($0.path) }), "left_out": .array(merged.leftOut.map(JSONValue.string)),
            "notices": .array(merged.notices.map(JSONValue.string)),
        ]
    }

    private typealias Module = MergedLoRA.Module

    private var groups: [(name: String, modules: [Module])] {
        var groups: [(name: String, modules: [Module])] = []
        for module in merged.modules {
            let name = module.path.split(separator: ".").last.map(String.init) ?? module.path
            if let place = groups.firstIndex(where: { $0.name == name }) {
                groups[place].modules.append(module)
            } else {
                groups.append((name, [module]))
            }
        }
        return groups
    }

    private func row(_ name: String, _ modules: [Module]) -> [String] {
        let norm = root(modules.map(\.norm))
        let errors = modules.compactMap(\.error)
        let ranks = (modules.map(\.rank).min() ?? 0, modules.map(\.rank).max() ?? 0)
        let rank = ranks.0 == ranks.1 ? "\(ranks.0)" : "\(ranks.0)-\(ranks.1)"
        guard errors.count == modules.count else { return [name, "\(modules.count)", rank, Figure.decimals(norm, 3), "-", "-"] }
        let error = root(errors)
        return [
            name, "\(modules.count)", rank, Figure.decimals(norm, 3), Figure.decimals(error, 3),
            Figure.decimals(norm > 0 ? 100 * error / norm : 0, 2),
        ]
    }

    private func root(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    private func listed(_ names: [String]) -> String {
        names.prefix(4).joined(separator: ", ") + (names.count > 4 ? " and \(names.count - 4) more" : "")
    }
}
