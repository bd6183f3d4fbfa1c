/// A trained tensor of an adapter: its place in the adapter's buffers of parameters and gradients.
public struct ParameterTensor: Sendable, Equatable {
    /// What it is to the linear map that it changes.
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
    }

    public let place: LinearPlace
    public let kind: Kind
    public let rows: Int
    /// 1 of vectors.
    public let columns: Int
    /// Elements before it.
    public let offset: Int

    public var count: Int { rows * columns }
    public var range: Range<Int> { offset..<offset + count }
}
