internal import Tensors

/// The result of a merge or an extraction: pairs by module, and how near they are to what was asked for.
public struct MergedLoRA: Sendable {
    public struct Module: Sendable {
        /// `model.layers.0.self_attn.q_proj`
        public var path: String
        public var rank: Int { pair.rank }
        /// Frobenius norm of the change that was asked for.
        public var norm: Double
        /// Frobenius norm of what the result lost of it, or has too much; nil: the rules define the result, and there is nothing to compare with.
        public var error: Double?
        /// With the factor 1.
        var pair: LowRankPair
        /// `[outputs]`
        var bias: [Float]?
    }

    /// A tensor of a module that the adapter has whole: `modules_to_save`.
    public struct Saved: Sendable {
        /// Of the module: `model.norm`.
        public var path: String
        public var shape: [Int]
        var values: FloatBuffer
    }

    /// In the order of the model.
    public internal(set) var modules: [Module] = []
    /// Modules on which nothing is left of the change.
    public internal(set) var leftOut: [String] = []
    /// Beside the pairs.
    public internal(set) var saved: [Saved] = []
    /// What the base is called in the configuration.
    public internal(set) var baseName: String?
    /// For a person.
    public internal(set) var notices: [String] = []

    init(baseName: String?) { self.baseName = baseName }

    /// Frobenius norm of all changes together.
    public var norm: Double { modules.reduce(0) { $0 + $1.norm * $1.norm }.squareRoot() }

    /// Frobenius norm of all errors together; nil where a module has none.
    public var error: Double? {
        modules.allSatisfy { $0.error != nil } ? modules.reduce(0) { $0 + ($1.error ?? 0) * ($1.error ?? 0) }.squareRoot() : nil
    }

    public var ranks: ClosedRange<Int>? {
        guard let least = modules.map(\.rank).min(), let greatest = modules.map(\.rank).max() else { return nil }
        return least...greatest
    }

    public var parameters: Int {
        modules.reduce(0) { $0 + $1.rank * ($1.pair.inputs + $1.pair.outputs) + ($1.bias?.count ?? 0) }
            + saved.reduce(0) { $0 + $1.values.count }
    }
}
