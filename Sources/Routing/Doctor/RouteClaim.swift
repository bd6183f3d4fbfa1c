import JSON

/// That most of a newcomer's texts went to one other adapter before it came: one of the two takes what is the other's.
public struct RouteClaim: Sendable, Equatable {
    /// The newcomer, and who would have answered so far.
    public var adapter: String
    public var other: String
    /// Texts that would have gone to `other`, of those that were looked at.
    public var texts: Int
    public var looked: Int
    /// One of them.
    public var example: String

    public init(adapter: String, other: String, texts: Int, looked: Int, example: String) {
        self.adapter = adapter
        self.other = other
        self.texts = texts
        self.looked = looked
        self.example = example
    }

    /// Whose the texts were, without the newcomer's own name.
    public var json: JSONValue {
        [
            "adapter": .string(other), "texts": .integer(Int64(texts)), "looked_at": .integer(Int64(looked)), "example": .string(example),
        ]
    }
}

extension RouteIndex {
    /// Texts of a newcomer that are looked at, at even strides; and newcomers at once: of more, `lmoe route doctor` tells.
    private static let most = (texts: 16, newcomers: 32)

    /// What the index before says of the texts of adapters that are new in this one, or have new texts. It costs 16 decisions an
    /// adapter, and nothing is embedded or fitted for it.
    ///
    /// Adapters that are alike are left out: `likes` tells.
    func claims(before last: RouteIndex, threshold: Double) -> [RouteClaim] {
        guard let set, !last.entries.isEmpty else { return [] }
        let known = Dictionary(last.entries.map { ($0.definition.adapter, $0.examples.texts) }, uniquingKeysWith: { first, _ in first })
        let newcomers = entries.indices.filter { known[entries[$0].definition.adapter] != entries[$0].examples.texts }
        guard newcomers.count <= Self.most.newcomers else { return [] }
        return newcomers.compactMap { claim($0, before: last, set, threshold) }
    }

    private func claim(_ entry: Int, before last: RouteIndex, _ set: TrainingSet, _ threshold: Double) -> RouteClaim? {
        let (name, examples) = (entries[entry].definition.adapter, entries[entry].examples)
        let rows = min(examples.texts.count, Self.most.texts)
        var taken: [String: [String]] = [:]
        for place in 0..<rows {
            let row = place * examples.texts.count / rows
            guard let other = last.choice(set.features(.init(group: entry, row: row)), examples, row, besides: name, threshold) else { continue }
            taken[other, default: []].append(examples.texts[row])
        }
        guard let (other, texts) = taken.max(by: { ($0.value.count, $1.key) < ($1.value.count, $0.key) }), 2 * texts.count > rows,
            let example = texts.first, !likes(of: entry).contains(where: { entries[$0].definition.adapter == other })
        else { return nil }
        return RouteClaim(adapter: name, other: other, texts: texts.count, looked: rows, example: example)
    }

    /// Whom a text with these features would go to; nil: the base.
    private func choice(
        _ features: some Collection<Float>, _ examples: ExampleVectors, _ row: Int, besides name: String, _ threshold: Double
    ) -> String? {
        let best = Array(features).withUnsafeBufferPointer { features in
            examples.withRow(row) { vector in
                judge(features: features, vector: vector, top: 1) { entries[$0].definition.adapter != name }.candidates.first
            }
        }
        guard let best, best.probability >= entries[best.entry].definition.threshold ?? threshold else { return nil }
        return entries[best.entry].definition.adapter
    }
}
