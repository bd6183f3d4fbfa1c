public import MergeMethods
public import Tensors

/// One tensor of the result: its sources, with the values that the recipe gives them there.
public struct MergedTensor: Sendable {
    /// A source's part.
    public struct Input: Sendable {
        /// Among the plan's sources.
        public var source: Int
        /// The tensor there. A tied head is the embedding.
        public var name: String
        public var values: MergeValues
    }

    public enum Work: Sendable {
        case merge
        /// The first input's elements as they are: it is the only source that has it.
        case passThrough
        /// Integers, which must be the same in all sources.
        case equal
    }

    public var name: String
    /// In the result.
    public var shape: [Int]
    /// In the result.
    public var dtype: DType
    public var work: Work
    public var inputs: [Input]
    /// The base among the inputs.
    public var base: Int?
    /// Values of all inputs together.
    public var shared: MergeValues
    /// Rows are tokens, and the sources' rows lie where the merged tokenizer has them.
    public var movesRows: Bool

    public var byteCount: Int { TensorView.byteCount(dtype: dtype, shape: shape) ?? 0 }
    public var elementCount: Int { shape.reduce(1, *) }
}
