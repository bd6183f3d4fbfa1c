internal import Tensors

/// The mixtures of a base as inner loops read them: borrowed memory.
struct BaseExperts {
    let layout: ExpertLayout
    /// `[experts, hidden]` of each layer.
    let routers: UnsafePointer<UnsafePointer<Float>>
    /// Gate, up and down of each expert, layer after layer.
    let matrices: UnsafePointer<PackedMatrix.View>

    func matrix(_ layer: Int, _ expert: Int, _ part: Int) -> PackedMatrix.View { matrices[3 * (layer * layout.count + expert) + part] }

    /// Chooses the experts of a row by its logits, which it turns into probabilities. Writes `layout.chosen` places, in the order of the
    /// experts' numbers. `remaining` is memory for as many numbers as there are experts.
    static func choose(
        _ layout: ExpertLayout, _ logits: UnsafeMutablePointer<Float>, remaining: UnsafeMutablePointer<Float>,
        into experts: UnsafeMutablePointer<Int32>, weights: UnsafeMutablePointer<Float>
    ) {
        Kernels.softmax(logits, count: layout.count)
        remaining.update(from: logits, count: layout.count)
        let count = ExpertSelection.top(layout.chosen).choose(remaining, experts: layout.count, into: experts, weights: weights)
        if layout.normalizes { return }
        for place in 0..<count { weights[place] = logits[Int(experts[place])] }
    }
}

/// Owns the tables that `BaseExperts` borrows. `weights` keeps the memory behind them alive.
final class BaseExpertTables {
    let view: BaseExperts
    private let routers: UnsafeMutablePointer<UnsafePointer<Float>>
    private let matrices: UnsafeMutablePointer<PackedMatrix.View>

    init?(_ weights: PackedWeights) {
        guard let layout = weights.configuration.experts else { return nil }
        let all = weights.experts.flatMap(\.matrices)
        routers = .allocate(capacity: weights.experts.count)
        matrices = .allocate(capacity: all.count)
        for (layer, experts) in weights.experts.enumerated() { (routers + layer).initialize(to: UnsafePointer(experts.router.pointer)) }
        for (index, matrix) in all.enumerated() { (matrices + index).initialize(to: matrix.view) }
        view = BaseExperts(layout: layout, routers: routers, matrices: matrices)
    }

    deinit {
        routers.deallocate()
        matrices.deallocate()
    }
}
