public import Tensors

/// A mixture in place of one layer's feed-forward (MixLoRA, Li et al. 2024). For a row h, after the norm:
///
///     u_e = activation(gate_e(W_gate h + b)) * up_e(W_up h + b)
///     y   = sum over chosen e of w_e(h) * down_e(W_down u_e + b)
///     P_e(z) = outputScale_e * (z + scale_e * B_e (A_e x)) + bias_e      for P = gate, up (x = h) and down (x = u_e)
///
/// The base's projections are shared. Gate and up run once a row; so does down, on the sum of `w_e u_e`, unless an expert scales its
/// output or has a bias. `outputScale` also scales the base's own bias, as in MoE-PEFT, unlike in a `LinearPatch`.
public struct FeedForwardMixture: Sendable {
    /// The patches of one expert on the three projections; nil: none. They have no `inputScale` and no `mixture`.
    public struct Expert: Sendable {
        public var gate: LinearPatch?
        public var up: LinearPatch?
        public var down: LinearPatch?

        public init(gate: LinearPatch? = nil, up: LinearPatch? = nil, down: LinearPatch? = nil) {
            (self.gate, self.up, self.down) = (gate, up, down)
        }

        /// By the projection: `gate`, `up` or `down`.
        subscript(projection: Projection) -> LinearPatch? {
            switch projection {
            case .gate: gate
            case .up: up
            case .down: down
            default: nil
            }
        }
    }

    static let projections: [Projection] = [.gate, .up, .down]

    /// The router, `[experts, hidden]`: its logits are `router h`, in f32 on both paths.
    public var router: FloatBuffer
    public var selection: ExpertSelection
    public var experts: [Expert]

    public init(router: FloatBuffer, selection: ExpertSelection, experts: [Expert]) {
        precondition(!experts.isEmpty, "a feed-forward mixture has no experts")
        for patch in experts.flatMap({ [$0.gate, $0.up, $0.down] }) {
            precondition(patch?.inputScale == nil && patch?.mixture == nil, "an expert has an input scale or a mixture of its own")
        }
        self.router = router
        self.selection = selection
        self.experts = experts
    }

    /// Of all experts and projections.
    var lowRanks: [LowRank?] { experts.flatMap { [$0.gate?.lowRank, $0.up?.lowRank, $0.down?.lowRank] } }

    /// Bytes of the router and of all experts.
    public var byteCount: Int {
        experts.reduce(4 * router.count) { sum, expert in
            sum + [expert.gate, expert.up, expert.down].reduce(0) { $0 + ($1?.byteCount ?? 0) }
        }
    }
}
