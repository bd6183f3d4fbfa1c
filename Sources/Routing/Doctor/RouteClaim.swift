import JSON

/// Most texts of a new adapter went to one other adapter before it came: one of the two takes texts that belong to the other.
public struct RouteClaim: Sendable, Equatable {
    /// The new adapter, and the one that would have answered before.
    public var adapter: String
    public var other: String
    /// How many texts would have gone to `other`, and how many were looked at.
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

    /// The other adapter and the figures, without the new adapter's own name.
    public var json: JSONValue {
        [
            "adapter": .string(other), "texts": .integer(Int64(texts)), "looked_at": .integer(Int64(looked)), "example": .string(example),
        ]
    }
}

extension RouteIndex {
    /// How many texts of a new adapter are looked at, at even strides, and for how many new adapters at once; for more there is
    /// `lmoe route doctor`.
    private static let most = (texts: 16, newcomers: 32)

    /// What the last index says of the texts of adapters that are new in this one, or have new texts. It costs 16 decisions an adapter;
    /// nothing is embedded or fitted.
    ///
    /// Adapters that are alike are left out: see `likes`.
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

    /// The adapter that a text with these features would go to; nil is the base.
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
