/// The low-rank experts of one linear map, which a router chooses among. All have one rank and one scale.
public struct ExpertForm: Sendable, Equatable {
    public var experts: Int
    public var rank: Int
    /// The factor before `B A`.
    public var scale: Float

    public init(experts: Int, rank: Int, scale: Float) {
        precondition(experts > 0 && rank > 0, "\(experts) experts of rank \(rank)")
        (self.experts, self.rank, self.scale) = (experts, rank, scale)
    }

    /// A of all experts, then B of all: the A's are one matrix `[experts * rank, inputs]`.
    func tensors(_ shape: (outputs: Int, inputs: Int)) -> [ParameterTensor.Shape] {
        (0..<experts).map { .init(kind: .a, expert: $0, rows: rank, columns: shape.inputs) }
            + (0..<experts).map { .init(kind: .b, expert: $0, rows: shape.outputs, columns: rank) }
    }
}

/// A trained mixture in place of a layer's feed-forward (MixLoRA). See `FeedForwardMixture`.
public struct FeedForwardForm: Sendable, Equatable {
    public var experts: Int
    public var selection: ExpertSelection
    /// Nil: the base's map alone.
    public var gate: ExpertForm?
    public var up: ExpertForm?
    public var down: ExpertForm?

    public init(experts: Int, selection: ExpertSelection, gate: ExpertForm?, up: ExpertForm?, down: ExpertForm?) {
        precondition([gate, up, down].allSatisfy { $0 == nil || $0?.experts == experts }, "projections of a mixture differ in their experts")
        (self.experts, self.selection, self.gate, self.up, self.down) = (experts, selection, gate, up, down)
    }

    subscript(projection: Projection) -> ExpertForm? {
        switch projection {
        case .gate: gate
        case .up: up
        case .down: down
        default: nil
        }
    }
}
