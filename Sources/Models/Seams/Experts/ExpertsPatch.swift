/// What an adapter does to one layer's experts, in a base that is a mixture. With n the layer's norm and u_e what expert e makes of it:
///
///     logits += s B (A n)                      of the router
///     P_e(x) = W_e x + s_e B_e (A_e x)         for P = gate, up (x = n) and down (x = u_e)
///
/// PEFT writes it as `target_parameters`, or as modules of each expert.
public struct ExpertsPatch: Sendable {
    /// The updates of one expert; nil: none.
    public struct Expert: Sendable {
        public var gate: LowRank?
        public var up: LowRank?
        public var down: LowRank?

        public init(gate: LowRank? = nil, up: LowRank? = nil, down: LowRank? = nil) {
            (self.gate, self.up, self.down) = (gate, up, down)
        }

        /// By the projection: `gate`, `up` or `down`.
        public subscript(projection: Projection) -> LowRank? {
            get {
                switch projection {
                case .gate: gate
                case .up: up
                case .down: down
                default: nil
                }
            }
            set {
                switch projection {
                case .gate: gate = newValue
                case .up: up = newValue
                case .down: down = newValue
                default: break
                }
            }
        }

        var parts: [LowRank?] { [gate, up, down] }
    }

    /// `[hidden]` to `[experts]`, f32 or bf16: routers are f32 on both paths.
    public var router: LowRank?
    /// As many as the base has in a layer, in the order of their numbers.
    public var experts: [Expert]

    public init(router: LowRank? = nil, experts: [Expert]) {
        precondition(router?.element != .int8, "a router's update is int8, expected f32 or bf16")
        (self.router, self.experts) = (router, experts)
    }

    var lowRanks: [LowRank] { ([router] + experts.flatMap(\.parts)).compactMap { $0 } }
}
