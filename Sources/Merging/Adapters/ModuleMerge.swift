internal import Adapters
internal import MergeMethods
internal import Models

/// The merge of one module.
struct ModuleMerge {
    let sources: [LoRASource]
    let steps: LoRAMergeSteps
    let size: LoRASize
    let lambda: Double
    let layer: Int
    let projection: Projection

    private struct Term {
        var pair: LowRankPair
        var scale: Double
        var weight: Double

        /// With weight and factor in A.
        var weighted: LowRankPair { pair.scaled(by: Float(weight * scale)) }
    }

    private var path: String { "model.layers.\(layer).\(projection.checkpointName)" }
    /// So that each module has random choices of its own.
    private var place: UInt64 { UInt64(layer * Projection.allCases.count + projection.rawValue) }

    /// Adds the merged module, unless no adapter changes it or nothing is left of it. Errors: `nonFinite`, `unsupported`.
    func add(to merged: inout MergedLoRA) throws(MergeError) {
        let bias = try bias()
        let terms = sources.compactMap { source in
            source.pair(layer, projection).map { Term(pair: $0.pair, scale: $0.scale, weight: source.weight) }
        }
        guard !terms.isEmpty else {
            if bias != nil { throw MergeError(.unsupported, "an adapter only adds a bias here, which no LoRA does", tensor: path) }
            return
        }
        var fitted = try fit(terms)
        fitted.pair = fitted.pair.scaled(by: Float(lambda))
        guard fitted.pair.isFinite else { throw MergeError(.nonFinite, "the merged matrices have an element that is not finite", tensor: path) }
        guard fitted.pair.rank > 0, !fitted.pair.isZero else { return merged.leftOut.append(path) }
        let factor = abs(lambda)
        merged.modules.append(
            .init(path: path, norm: fitted.norm * factor, error: fitted.error.map { $0 * factor }, pair: fitted.pair, bias: bias))
    }

    private func fit(_ terms: [Term]) throws(MergeError) -> (pair: LowRankPair, norm: Double, error: Double?) {
        let ranks = terms.map(\.pair.rank)
        if steps.needsEqualRanks, let other = ranks.first(where: { $0 != ranks[0] }) {
            throw MergeError(
                .mismatch, "the adapters have the ranks \(ranks[0]) and \(other) here, and these rules merge A and B by themselves; `cat`, `svd` and the rules `delta` take any ranks",
                tensor: path)
        }
        switch steps {
        case .stack:
            let sum = LowRankPair.stacked(terms.map(\.weighted))
            return (sum, try LowRankSum.norm(sum, module: path), 0)
        case .sum:
            let fitted = try LowRankSum.fit(.stacked(terms.map(\.weighted)), size, module: path)
            return (fitted.pair, fitted.norm, fitted.error)
        case .changes(let merge):
            let changes = terms.map { (values: $0.pair.scaled(by: Float($0.scale)).product(), weight: Float($0.weight)) }
            let change = merge.at(place).merge(changes)
            let first = terms[0].pair
            let fitted = try DenseFit(size: size, seed: merge.seed &+ place).fit(
                change, outputs: first.outputs, inputs: first.inputs, module: path)
            return (fitted.pair, fitted.norm, fitted.error)
        case .roots(let merge):
            let (a, b) = merge.mergePairs(terms.map { ($0.pair.a, $0.pair.b, $0.weight * $0.scale) }, place: place)
            return try compared(pair(a, b, terms), terms, merge)
        case .plain(let merge):
            let scale = sources[0].pair(layer, projection)?.scale ?? sources[0].scale
            let a = merge.at(2 * place).merge(terms.map { ($0.pair.a, Float($0.weight)) })
            let b = merge.at(2 * place + 1).merge(terms.map { ($0.pair.b, Float($0.weight)) })
            return try compared(pair(a, b, terms).scaled(by: Float(scale)), terms, merge)
        }
    }

    private func pair(_ a: [Float], _ b: [Float], _ terms: [Term]) -> LowRankPair {
        LowRankPair(rank: terms[0].pair.rank, inputs: terms[0].pair.inputs, outputs: terms[0].pair.outputs, a: a, b: b)
    }

    /// A and B merged by themselves have products of one adapter's A with another's B. Where all elements are added, the sum is what was asked
    /// for, and the error says how much of them there is.
    private func compared(
        _ pair: LowRankPair, _ terms: [Term], _ merge: FactorMerge
    ) throws(MergeError) -> (pair: LowRankPair, norm: Double, error: Double?) {
        guard pair.isFinite else { throw MergeError(.nonFinite, "the merged matrices have an element that is not finite", tensor: path) }
        guard merge.keep == .all, merge.vote == .none else { return (pair, try LowRankSum.norm(pair, module: path), nil) }
        let asked = LowRankPair.stacked(terms.map(\.weighted))
        let difference = LowRankPair.stacked([pair.scaled(by: -1), asked])
        return (pair, try LowRankSum.norm(asked, module: path), try LowRankSum.norm(difference, module: path))
    }

    /// The weighted sum of what `lora_bias` adds; nil where none does.
    private func bias() throws(MergeError) -> [Float]? {
        var sum: [Float]?
        for source in sources {
            guard let own = source.bias(layer, projection) else { continue }
            switch steps {
            case .stack, .sum: break
            default:
                throw MergeError(
                    .unsupported, "\(source.name) has a bias (lora_bias), which only `cat`, `svd`, `linear` and `task_arithmetic` of the rules `delta` merge",
                    tensor: path)
            }
            let factor = Float(source.weight * lambda)
            let before = sum ?? [Float](repeating: 0, count: own.count)
            sum = zip(before, own).map { $0 + factor * $1 }
        }
        return sum?.contains { $0 != 0 } == true ? sum : nil
    }
}
