public import Tensors

/// A trained low-rank map beside a layer's feed-forward: `y = FFN(x) + scale B A (x - mean)`, where x is the feed-forward's input.
public struct BranchForm: Sendable {
    public var rank: Int
    public var scale: Float
    /// `[hidden]`, not trained; nil: zero.
    public var mean: FloatBuffer?

    public init(rank: Int, scale: Float, mean: FloatBuffer? = nil) {
        (self.rank, self.scale, self.mean) = (rank, scale, mean)
    }

    func tensors(hidden: Int) -> [ParameterTensor.Shape] {
        [.init(kind: .a, rows: rank, columns: hidden), .init(kind: .b, rows: hidden, columns: rank)]
    }
}

/// A branch of an adapter in training.
struct TrainableBranch {
    let map: TrainableMap
    let mean: FloatBuffer?
}
