public import Tensors

/// Several low-rank updates of one projection. For each row x of its input a router chooses some and weights them:
///
///     y += sum over chosen e of w_e(x) * scale_e * B_e (A_e x)
///
/// MoLA (Gao et al. 2024) with `.top`, LoRAMoE (Dou et al. 2023) with `.all`.
public struct LinearMixture: Sendable {
    /// The router, `[experts, inputs]`: its logits are `router x`, in f32 on both paths.
    public var router: FloatBuffer
    public var selection: ExpertSelection
    /// Nil: an expert that adds nothing; it is chosen like the others.
    public var experts: [LowRank?]

    public init(router: FloatBuffer, selection: ExpertSelection, experts: [LowRank?]) {
        precondition(!experts.isEmpty, "a linear mixture has no experts")
        self.router = router
        self.selection = selection
        self.experts = experts
    }

    /// Bytes of the router and of all experts.
    public var byteCount: Int { experts.reduce(4 * router.count) { $0 + ($1?.byteCount ?? 0) } }
}
