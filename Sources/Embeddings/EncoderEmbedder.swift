import Generation
import Tokenizers

/// Texts to unit vectors with an encoder: tokens, hidden states, pooling, length 1. Immutable and thread-safe.
public final class EncoderEmbedder: TextEmbedder {
    public let name: String
    public let identity: String
    public let maxTokens: Int
    public var dimension: Int { encoder.hiddenSize }

    private let tokenizer: WordPieceTokenizer
    private let encoder: any HiddenStateSource
    private let settings: EncoderSettings
    /// Texts go to the encoder in groups of about so many tokens, which bounds its memory.
    private static let groupTokens = 2048

    /// - Parameter identity: must change with the encoder's weights and precision.
    public init(
        name: String, identity: String, tokenizer: WordPieceTokenizer, encoder: any HiddenStateSource,
        settings: EncoderSettings
    ) {
        self.name = name
        self.identity = identity
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.settings = settings
        maxTokens = min(settings.maximumTokens ?? encoder.mostTokens, encoder.mostTokens)
    }

    /// Texts of like length go together; the order of the answer is that of `texts`. A text's vector does not depend on
    /// the others where the encoder's hidden states do not.
    public func embed(_ texts: [String]) throws -> EmbeddedTexts {
        let clock = ContinuousClock()
        let start = clock.now
        let tokens = texts.map { tokenizer.encode($0, maximumTokens: maxTokens) }
        let tokenized = clock.now
        var vectors = [Float](repeating: 0, count: texts.count * dimension)
        for group in Self.groups(tokens.map(\.count)) {
            try encoder.hiddenStates(of: group.map { tokens[$0] }) { member, states in
                let first = group[member] * dimension
                pool(states, into: &vectors[first..<first + dimension])
            }
        }
        let end = clock.now
        return EmbeddedTexts(
            vectors: vectors, tokenCounts: tokens.map(\.count), tokenizeMicroseconds: (tokenized - start).microseconds,
            embedMicroseconds: (end - tokenized).microseconds)
    }

    /// Numbers of texts, shortest first, in groups of at most `groupTokens` tokens or of one text.
    static func groups(_ lengths: [Int]) -> [[Int]] {
        var groups: [[Int]] = []
        var used = 0
        for text in lengths.indices.sorted(by: { (lengths[$0], $0) < (lengths[$1], $1) }) {
            if groups.isEmpty || used + lengths[text] > groupTokens {
                groups.append([])
                used = 0
            }
            groups[groups.count - 1].append(text)
            used += lengths[text]
        }
        return groups
    }

    /// `vector = p / |p|` with `p` the mean or the first of the states; zero states stay zero.
    private func pool(_ states: UnsafeBufferPointer<Float>, into vector: inout ArraySlice<Float>) {
        let size = dimension
        let rows = settings.pooling == .mean ? states.count / size : min(1, states.count / size)
        let first = vector.startIndex
        for row in 0..<rows {
            for column in 0..<size { vector[first + column] += states[row * size + column] }
        }
        // The mean's divisor goes with the length.
        var squares: Double = 0
        for column in 0..<size { squares += Double(vector[first + column]) * Double(vector[first + column]) }
        guard squares > 0 else { return }
        let scale = Float(1 / squares.squareRoot())
        for column in 0..<size { vector[first + column] *= scale }
    }
}

extension Duration {
    var microseconds: Double {
        Double(components.seconds) * 1e6 + Double(components.attoseconds) / 1e12
    }
}
