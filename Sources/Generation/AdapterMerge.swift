/// Several adapters as one, for one request: what LoRAX calls `merged_adapters`.
///
/// With the weight `w` and the factor `s` of each adapter, and its matrices A and B (Yadav et al. 2023 for TIES, Yu et al. 2023
/// for DARE; the formulas on A and B are PEFT's):
///
/// - `linear`: the sum of what they do, `sum w s B A`, exact for any ranks;
/// - `ties`: of A and of B, each times `sqrt(w s)`, the `density` largest elements, and of those the mean over the adapters that
///   have the sign of the majority;
/// - `dareLinear`, `dareTies`: a random `density` of the elements of A and of B, divided by it, then the sum, or the mean over the
///   majority. The choice is random, but the same for equal adapters and weights.
public struct AdapterMerge: Sendable, Hashable {
    public enum Strategy: String, Sendable, CaseIterable {
        case linear
        case ties
        case dareLinear = "dare_linear"
        case dareTies = "dare_ties"

        /// Keeps only some of the elements, so that it needs a density and equal ranks.
        public var isSparse: Bool { self != .linear }
    }

    /// How the majority's sign of an element is found.
    public enum MajoritySign: String, Sendable, CaseIterable {
        /// Of the sum of the values.
        case total
        /// Of the sum of the signs.
        case frequency
    }

    public struct Part: Sendable, Hashable {
        public var adapter: String
        public var weight: Double

        public init(_ adapter: String, weight: Double = 1) {
            self.adapter = adapter
            self.weight = weight
        }
    }

    /// In order; the same adapter may come once.
    public var parts: [Part]
    public var strategy: Strategy
    /// Of the elements that are kept, in `0 < density <= 1`.
    public var density: Double
    public var majoritySign: MajoritySign

    public init(
        _ parts: [Part], strategy: Strategy = .linear, density: Double = 1, majoritySign: MajoritySign = .total
    ) {
        self.parts = parts
        self.strategy = strategy
        self.density = density
        self.majoritySign = majoritySign
    }

    /// For people and logs: `bash+sql`.
    public var label: String { parts.map(\.adapter).joined(separator: "+") }
}
