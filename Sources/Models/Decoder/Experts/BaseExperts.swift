internal import Tensors

/// The mixtures of a base as inner loops read them: borrowed memory.
struct BaseExperts {
    let layout: ExpertLayout
    /// `[experts, hidden]` of each layer.
    let routers: UnsafePointer<UnsafePointer<Float>>
    /// Gate, up and down of each expert, layer after layer.
    let matrices: UnsafePointer<PackedMatrix.View>
    /// `[experts]` of each layer's router, and `[experts, outputs]` of gate, up and down, layer after layer; nil: none.
    let routerBiases: UnsafePointer<UnsafePointer<Float>>?
    let biases: UnsafePointer<UnsafePointer<Float>>?

    func matrix(_ layer: Int, _ expert: Int, _ part: Int) -> PackedMatrix.View { matrices[3 * (layer * layout.count + expert) + part] }

    /// Of one part of an expert; nil: none.
    func bias(_ layer: Int, _ expert: Int, _ part: Int, outputs: Int) -> UnsafePointer<Float>? {
        biases.map { $0[3 * layer + part] + expert * outputs }
    }

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
    private let biases: UnsafeMutablePointer<UnsafePointer<Float>>

    init?(_ weights: PackedWeights) {
        guard let layout = weights.configuration.experts else { return nil }
        let all = weights.experts.flatMap(\.matrices)
        routers = .allocate(capacity: weights.experts.count)
        matrices = .allocate(capacity: all.count)
        for (layer, experts) in weights.experts.enumerated() { (routers + layer).initialize(to: UnsafePointer(experts.router.pointer)) }
        for (index, matrix) in all.enumerated() { (matrices + index).initialize(to: matrix.view) }
        // Routers' biases, then those of experts.
        let vectors = weights.vectors.routerBiases + weights.vectors.expertBiases
        biases = .allocate(capacity: max(vectors.count, 1))
        for (index, vector) in vectors.enumerated() { (biases + index).initialize(to: UnsafePointer(vector.pointer)) }
        view = BaseExperts(
            layout: layout, routers: routers, matrices: matrices, routerBiases: layout.hasBiases ? UnsafePointer(biases) : nil,
            biases: layout.hasBiases ? UnsafePointer(biases + weights.vectors.routerBiases.count) : nil)
    }

    deinit {
        routers.deallocate()
        matrices.deallocate()
        biases.deallocate()
    }
}
