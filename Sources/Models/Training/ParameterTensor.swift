/// A trained tensor of an adapter: its place in the adapter's buffers of parameters and gradients.
public struct ParameterTensor: Sendable, Equatable {
    /// The part of the decoder that it changes.
    public enum Place: Hashable, Sendable {
        case linear(LinearPlace)
        /// A layer's feed-forward as a whole.
        case feedForward(layer: Int)
        case embedding
        /// The vocabulary projection.
        case head
    }

    /// What it is there.
    public enum Kind: Sendable, Equatable {
        /// `[rank, inputs]`
        case a
        /// `[outputs, rank]`
        case b
        /// DoRA's magnitude, `[outputs]`
        case magnitude
        /// IA³: factors of the outputs, `[outputs]`
        case outputScale
        /// IA³: factors of the inputs, `[inputs]`
        case inputScale
        /// VeRA's d, `[rank]`
        case rankFactors
        /// VeRA's lambda, `[outputs]`
        case outputFactors
        /// Of a mixture, `[experts, inputs]`
        case router
        /// Rows of trained tokens, `[tokens, hidden]`
        case tokenRows
    }

    /// A tensor without its place in the buffers.
    struct Shape {
        var kind: Kind
        var expert: Int?
        var rows: Int
        var columns = 1
    }

    public let place: Place
    public let kind: Kind
    /// Of a mixture, its expert; nil: the tensor is none's.
    public let expert: Int?
    public let rows: Int
    /// 1 of vectors.
    public let columns: Int
    /// Elements before it.
    public let offset: Int

    init(_ place: Place, _ shape: Shape, offset: Int) {
        self.place = place
        (kind, expert, rows, columns, self.offset) = (shape.kind, shape.expert, shape.rows, shape.columns, offset)
    }

    public var count: Int { rows * columns }
    public var range: Range<Int> { offset..<offset + count }
}
