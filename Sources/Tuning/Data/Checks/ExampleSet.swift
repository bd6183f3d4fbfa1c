public import Tensors

/// Examples of one set, with where they come from.
public struct ExampleSet: Sendable, Equatable {
    public var examples: [TrainingExample] = []
    /// The line of each in its file.
    public var lines: [Int] = []

    public init() {}

    /// Equal for equal tokens and targets in the same order. A checkpoint keeps it: a run is resumed on the same examples, so that its data
    /// cursor means the same.
    public var digest: ContentDigest { ContentDigest(of: examples.map(\.digest)) }
}

extension TrainingExample {
    /// Of its tokens, its targets and its label.
    var digest: ContentDigest {
        var parts = sequences.flatMap { sequence in
            [
                sequence.tokens.withUnsafeBytes { ContentDigest(of: $0) },
                ContentDigest(of: sequence.isTarget.map { $0 ? UInt8(1) : 0 }),
            ]
        }
        if case .labelled(_, let isDesirable) = self { parts.append(ContentDigest(of: [isDesirable ? UInt8(1) : 0])) }
        return ContentDigest(of: parts)
    }
}
