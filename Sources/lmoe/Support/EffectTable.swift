import Adapters
import JSON

/// The size of an adapter's effect, projection by projection.
struct EffectTable {
    /// All layers of one projection.
    struct Row {
        let name: String
        let count: Int
        let norms: ClosedRange<Double>
        /// Relative to the base's matrices; nil when they were not compared.
        let relative: ClosedRange<Double>?
    }

    let rows: [Row]

    init(_ effects: [AdapterEffect]) {
        var names: [String] = []
        var grouped: [String: [AdapterEffect]] = [:]
        for effect in effects {
            let name = effect.module.split(separator: ".").last.map(String.init) ?? effect.module
            if grouped[name] == nil { names.append(name) }
            grouped[name, default: []].append(effect)
        }
        rows = names.compactMap { name in
            let effects = grouped[name] ?? []
            guard let norms = Self.range(effects.map(\.norm)) else { return nil }
            return Row(name: name, count: effects.count, norms: norms, relative: Self.range(effects.compactMap(\.relative)))
        }
    }

    private static func range(_ values: [Double]) -> ClosedRange<Double>? {
        guard let least = values.min(), let most = values.max(), least <= most else { return nil }
        return least...most
    }

    /// One line a projection, below a heading.
    var lines: [String] {
        guard !rows.isEmpty else { return [] }
        var table = Table(["effect", "targets", "norm of the change", "of the base's"], leansRight: [1, 2, 3])
        for row in rows {
            table.add(
                row.name, "\(row.count)", Self.text(row.norms, digits: 3, unit: ""),
                row.relative.map { Self.text($0.lowerBound * 100...$0.upperBound * 100, digits: 2, unit: " %") } ?? "-")
        }
        return table.text.split(separator: "\n").map(String.init)
    }

    private static func text(_ range: ClosedRange<Double>, digits: Int, unit: String) -> String {
        let (least, most) = (Figure.decimals(range.lowerBound, digits), Figure.decimals(range.upperBound, digits))
        return least == most ? least + unit : "\(least) to \(most)\(unit)"
    }

    static func json(_ effects: [AdapterEffect]) -> JSONValue {
        .array(
            effects.map { effect in
                [
                    "module": .string(effect.module), "rank": .integer(Int64(effect.rank)), "scale": .number(effect.scale),
                    "norm": .number(effect.norm), "relative": effect.relative.map(JSONValue.number) ?? .null,
                ]
            })
    }
}
