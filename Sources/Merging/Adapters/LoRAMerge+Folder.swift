internal import Adapters
internal import Generation
internal import JSON
public import MergeMethods
public import Models

extension LoRAMerge {
    /// Writes a result of this merge as an adapter's folder, with a card, `merge.json`, which repeats it, and `route.yaml` where the router
    /// is told something.
    ///
    /// Errors: `exists`, `invalidRecipe` for a name that no adapter has, `unwritable`; nothing has changed then. Result: bytes of the weights.
    public func write(
        _ merged: MergedLoRA, to folder: String, replaces: Bool = false, base: BaseWeights, route: AdapterRoute? = nil
    ) throws(MergeError) -> Int {
        let name = folder.split(separator: "/").last.map(String.init) ?? folder
        let card = LoRACard(
            name: name, baseName: merged.baseName ?? base.configuration.name, tag: "merge",
            description: route?.description ?? "\(parts.map(\.name).joined(separator: " and ")) as one adapter.", title: "How it was merged",
            rows: rows(merged), notices: merged.notices)
        var texts = [("README.md", card.text), ("merge.json", JSONValue.object(document(merged)).serialized(pretty: true) + "\n")]
        if let route { texts.append(("route.yaml", RouteFile.text(description: route.description, examples: route.examples))) }
        return try LoRAFolder(texts: texts, replaces: replaces, base: base).write(merged, to: folder)
    }

    private func rows(_ merged: MergedLoRA) -> [(String, String)] {
        var rows = parts.map { ("part", "`\(LoRACard.cell($0.name))`, weight \($0.weight)") }
        rows.append(("method", "`\(method.rawValue)` by the rules `\(rules.rawValue)`"))
        if let density { rows.append(("density", "\(density)")) }
        if method.isRandom { rows.append(("seed", "\(seed)")) }
        if let ranks = merged.ranks {
            rows.append(("ranks", ranks.lowerBound == ranks.upperBound ? "\(ranks.lowerBound)" : "\(ranks.lowerBound) to \(ranks.upperBound)"))
        }
        rows.append(("parameters", "\(merged.parameters), f32"))
        if let error = merged.error, merged.norm > 0 {
            let percent = (error / merged.norm * 10_000).rounded() / 100
            rows.append(("lost of the change", "\(percent) % of its Frobenius norm"))
        }
        return rows
    }

    private func document(_ merged: MergedLoRA) -> JSONObject {
        var document: JSONObject = [
            "parts": .array(parts.map { ["adapter": .string($0.name), "weight": .number($0.weight)] }), "method": .string(method.rawValue),
            "compat": .string(rules.rawValue), "lambda": .number(lambda), "norm": .number(merged.norm),
        ]
        switch size {
        case .rank(let rank): document["rank"] = .integer(Int64(rank))
        case .energy(let share): document["energy"] = .number(share)
        case nil: break
        }
        if let density { document["density"] = .number(density) }
        if method.isSparse { document["majority_sign"] = .string(majoritySign.rawValue) }
        if method.isRandom { document["seed"] = .string(String(seed)) }
        if let error = merged.error { document["error"] = .number(error) }
        return document
    }
}
