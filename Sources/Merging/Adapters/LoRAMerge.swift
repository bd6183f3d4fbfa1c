internal import Adapters
public import Generation
public import MergeMethods
public import Models
internal import Tensors

/// Several low-rank adapters as one, of any ranks and in any form that is served: `lmoe merge-adapters`.
public struct LoRAMerge: Sendable {
    public struct Part: Sendable, Equatable {
        /// For people.
        public var name: String
        public var folder: String
        public var weight: Double

        public init(name: String, folder: String, weight: Double = 1) {
            (self.name, self.folder, self.weight) = (name, folder, weight)
        }
    }

    public var parts: [Part]
    public var method: LoRAMergeMethod
    public var rules: LoRAMergeRules
    /// Of the result, where the method leaves a choice; nil: the greatest rank of the parts.
    public var size: LoRASize?
    /// Of the elements that sparse methods keep, `0 < density <= 1`.
    public var density: Double?
    public var majoritySign: AdapterMerge.MajoritySign
    /// A factor of the whole result.
    public var lambda: Double
    /// Of random choices.
    public var seed: UInt64

    public init(
        _ parts: [Part], method: LoRAMergeMethod = .cat, rules: LoRAMergeRules = .delta, size: LoRASize? = nil, density: Double? = nil,
        majoritySign: AdapterMerge.MajoritySign = .total, lambda: Double = 1, seed: UInt64 = 0
    ) {
        (self.parts, self.method, self.rules, self.size, self.density) = (parts, method, rules, size, density)
        (self.majoritySign, self.lambda, self.seed) = (majoritySign, lambda, seed)
    }

    /// How the majority's sign of an element is found.
    public typealias MajoritySign = AdapterMerge.MajoritySign

    /// The most parts of one merge.
    public static let mostParts = 64

    /// Reads the parts and merges them, module by module. Nothing is written.
    ///
    /// - Parameter progress: told how many of the modules are done. Errors: `invalidRecipe`, `mismatch` for ranks that the rules cannot
    ///   merge, `nonFinite`, and why a part cannot be merged. Memory: the parts, the result, and the whole change of one module for each part.
    public func result(
        for base: BaseWeights, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(MergeError) -> MergedLoRA {
        try check()
        var sources: [LoRASource] = []
        for part in parts { sources.append(try LoRASource(part, base: base)) }
        // PEFT's rule: one adapter is only weighted.
        let method = rules == .peft && parts.count == 1 && self.method != .cat ? .linear : self.method
        let steps = LoRAMergeSteps(method, rules, density: density ?? 1, majoritySign: majoritySign, seed: seed)
        let size = size ?? .rank(sources.map(\.rank).max() ?? 1)
        let places = (0..<(sources.first?.layers ?? 0)).flatMap { layer in
            Projection.allCases.compactMap { base.configuration.has($0) ? (layer, $0) : nil }
        }
        var merged = MergedLoRA(baseName: Self.baseName(sources))
        merged.notices += sources.filter(\.hasPrompting).map { "\($0.name) has a chat template or special tokens of its own, which the result has not" }
        for (done, (layer, projection)) in places.enumerated() {
            let module = ModuleMerge(sources: sources, steps: steps, size: size, lambda: lambda, layer: layer, projection: projection)
            try module.add(to: &merged)
            progress(done + 1, places.count)
        }
        guard !merged.modules.isEmpty else {
            throw MergeError(.invalidRecipe, "nothing is left: the weights cancel the adapters out, or the density is too low")
        }
        return merged
    }

    private static func baseName(_ sources: [LoRASource]) -> String? {
        let names = Set(sources.compactMap(\.summary.baseModelName))
        return names.count == 1 ? names.first : nil
    }

    private func check() throws(MergeError) {
        guard !parts.isEmpty, parts.count <= Self.mostParts else {
            throw MergeError(.invalidRecipe, "\(parts.count) adapters; expected 1 to \(Self.mostParts)")
        }
        if let twice = Dictionary(grouping: parts, by: \.folder).values.first(where: { $0.count > 1 }) {
            throw MergeError(.invalidRecipe, "\(twice[0].name) is named twice; add its weights up")
        }
        guard rules.methods.contains(method) else {
            throw MergeError(
                .invalidRecipe,
                "\(rules.rawValue) has no method \(method.rawValue); it has \(rules.methods.map(\.rawValue).joined(separator: ", "))")
        }
        for part in parts where !part.weight.isFinite || part.weight == 0 {
            throw MergeError(.invalidRecipe, "the weight of \(part.name) is \(part.weight); expected a number that is not 0")
        }
        guard lambda.isFinite, lambda != 0 else { throw MergeError(.invalidRecipe, "lambda is \(lambda); expected a number that is not 0") }
        switch density {
        case nil where method.isSparse:
            throw MergeError(.invalidRecipe, "\(method.rawValue) keeps a part of the elements: say which share with a density, say 0.5")
        case let density? where !method.isSparse:
            throw MergeError(.invalidRecipe, "\(method.rawValue) keeps all elements, and a density of \(density) was given")
        case let density? where !(density > 0 && density <= 1):
            throw MergeError(.invalidRecipe, "the density is \(density); expected 0 < density <= 1")
        default: break
        }
        switch size {
        case .rank(let rank)? where !(1...AdapterLimits().rank).contains(rank):
            throw MergeError(.invalidRecipe, "the rank is \(rank); expected 1 to \(AdapterLimits().rank)")
        case .energy(let share)? where !(share > 0 && share <= 1):
            throw MergeError(.invalidRecipe, "the energy is \(share); expected 0 < energy <= 1")
        case .some where method == .cat:
            throw MergeError(.invalidRecipe, "cat keeps the ranks of all adapters; use svd for a result of fewer")
        case .some where LoRAMergeSteps(method, rules, density: 1, majoritySign: .total, seed: 0).needsEqualRanks:
            throw MergeError(.invalidRecipe, "\(rules.rawValue)'s \(method.rawValue) keeps the adapters' rank; a rank or an energy has no effect")
        default: break
        }
    }
}
