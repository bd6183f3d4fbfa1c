internal import Adapters
internal import MergeMethods
internal import Models
internal import Tensors

/// One adapter of a merge, read as its low-rank changes.
struct LoRASource {
    let name: String
    let weight: Double
    let summary: AdapterSummary
    /// It has chat templates or special tokens of its own.
    let hasPrompting: Bool
    private let delta: AdapterDelta

    /// Errors: why serving would refuse the folder; `unsupported` for an adapter that does more than add low-rank products, with what to do
    /// instead.
    init(_ part: LoRAMerge.Part, base: BaseWeights) throws(MergeError) {
        let loaded = try MergeError.converting(part.folder) { () throws(AdapterError) in
            try AdapterLoader.whole(folder: part.folder, base: base.configuration, weights: base)
        }
        if let reason = Self.reason(loaded) {
            throw MergeError(.unsupported, "\(part.name) is no sum of low-rank products: \(reason)", file: part.folder)
        }
        (name, weight, summary, delta) = (part.name, part.weight, loaded.summary, loaded.delta)
        hasPrompting = loaded.hasPrompting
    }

    /// Why it cannot be merged; nil when it can.
    private static func reason(_ loaded: AdapterLoader.Whole) -> String? {
        let delta = loaded.delta
        if !delta.invocation.isEmpty { return "it begins at its invocation tokens (aLoRA); no way to merge those is known" }
        if loaded.isRetrieved { return "it looks up experts by each request's text; merge facts with `lmoe memory`" }
        if delta.isLowRank { return nil }
        if !delta.routers.isEmpty { return "its routers choose experts for every token; serve it beside the others" }
        let wayOut = "bake it into the base (`lmoe bake`) and take a LoRA out of the result (`lmoe extract`)"
        if delta.embedding != nil || delta.head != nil { return "it changes the embedding or the head as well; \(wayOut)" }
        if !delta.ownNorms.isEmpty { return "it has norms of its own; \(wayOut)" }
        if !delta.ownExperts.isEmpty { return "it changes the base's experts, whose changes are not merged; bake it into the base (`lmoe bake`)" }
        let patches = (0..<delta.layers).flatMap { layer in Projection.allCases.compactMap { delta[layer, $0] } }
        if patches.contains(where: { $0.outputScale != nil && $0.lowRank != nil }) {
            return "it scales the rows of the base's matrices (DoRA), a change of full rank; \(wayOut)"
        }
        return "it scales rows or columns of the base's matrices; \(wayOut)"
    }

    var layers: Int { delta.layers }

    /// What it does to a module, without the factor; nil where it does nothing.
    func pair(_ layer: Int, _ projection: Projection) -> (pair: LowRankPair, scale: Double)? {
        guard let lowRank = delta[layer, projection]?.lowRank else { return nil }
        let (a, b) = lowRank.factors
        return (
            LowRankPair(rank: lowRank.rank, inputs: lowRank.inputs, outputs: lowRank.outputs, a: a, b: b), Double(lowRank.scale)
        )
    }

    /// `lora_bias`, times its factor; nil where there is none.
    func bias(_ layer: Int, _ projection: Projection) -> [Float]? {
        delta[layer, projection]?.bias.map { bias in (0..<bias.count).map { bias.pointer[$0] } }
    }

    /// The greatest rank of a module.
    var rank: Int { summary.ranks?.upperBound ?? 0 }

    /// A factor of it, for modules that it does not change.
    var scale: Double { summary.scales?.upperBound ?? 1 }
}
