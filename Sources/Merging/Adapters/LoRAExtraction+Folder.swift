internal import JSON
public import MergeMethods
public import Models

extension LoRAExtraction {
    /// Writes the result as an adapter's folder with a card and `extraction.json`. Errors: `exists`, `invalidRecipe` for a name that no
    /// adapter has, `unwritable`; nothing has changed then. Result: bytes of the weights.
    public func write(
        _ merged: MergedLoRA, from base: ModelFiles, to tuned: ModelFiles, in folder: String, replaces: Bool = false
    ) throws(MergeError) -> Int {
        let name = folder.split(separator: "/").last.map(String.init) ?? folder
        var rows = [
            ("base", "`\(LoRACard.cell(base.name))` (\(base.identity))"), ("model", "`\(LoRACard.cell(tuned.name))` (\(tuned.identity))"),
            ("linear maps that differ", "\(merged.modules.count)"), ("parameters", "\(merged.parameters), f32"),
        ]
        if let ranks = merged.ranks {
            rows.append(("ranks", ranks.lowerBound == ranks.upperBound ? "\(ranks.lowerBound)" : "\(ranks.lowerBound) to \(ranks.upperBound)"))
        }
        if let error = merged.error, merged.norm > 0 {
            rows.append(("lost of the difference", "\((error / merged.norm * 10_000).rounded() / 100) % of its Frobenius norm"))
        }
        if !merged.saved.isEmpty { rows.append(("whole modules", "\(merged.saved.count)")) }
        let card = LoRACard(
            name: name, baseName: base.name, tag: "extracted",
            description: "What \(LoRACard.cell(tuned.name)) changes of \(LoRACard.cell(base.name)), as a LoRA.", title: "How it was extracted", rows: rows,
            notices: merged.notices)
        var record: JSONObject = [
            "base": .string(base.identity), "model": .string(tuned.identity), "norm": .number(merged.norm), "seed": .string(String(seed)),
        ]
        if let error = merged.error { record["error"] = .number(error) }
        switch size {
        case .rank(let rank): record["rank"] = .integer(Int64(rank))
        case .energy(let share): record["energy"] = .number(share)
        }
        let texts = [("README.md", card.text), ("extraction.json", JSONValue.object(record).serialized(pretty: true) + "\n")]
        return try LoRAFolder(texts: texts, replaces: replaces, base: BaseWeights(base)).write(merged, to: folder)
    }
}
