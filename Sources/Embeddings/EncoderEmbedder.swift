import Generation
import Models
import Tokenizers

/// Turns texts into unit vectors with an encoder: tokens, hidden states, pooling, length 1. Immutable and thread-safe.
public final class EncoderEmbedder: TextEmbedder {
    public let name: String
    public let identity: String
    public let maxTokens: Int
    public var dimension: Int { encoder.hiddenSize }

    let tokenizer: WordPieceTokenizer
    private let encoder: any HiddenStateSource
    private let settings: EncoderSettings
    /// Texts are encoded in groups of about this many tokens, which bounds the memory.
    private static let groupTokens = 2048

    /// - Parameter identity: must be another one for other weights or another precision.
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

    public var featureDimension: Int { FeatureBlocks.count * dimension }
    public var distanceRange: Range<Int> { FeatureBlocks.distances.lowerBound * dimension..<FeatureBlocks.distances.upperBound * dimension }

    public func embed(_ texts: [String]) throws -> EmbeddedTexts {
        var vectors = [Float](repeating: 0, count: texts.count * dimension)
        let times = try encode(texts) { text, _, encoded in
            pool(encoded.states, into: &vectors[text * dimension..<(text + 1) * dimension])
        }
        return EmbeddedTexts(
            vectors: vectors, tokenCounts: times.tokenCounts, tokenizeMicroseconds: times.tokenize, embedMicroseconds: times.embed)
    }

    public func features(of texts: [String]) throws -> TextFeatures {
        var vectors = [Float](repeating: 0, count: texts.count * dimension)
        var features = [Float](repeating: 0, count: texts.count * featureDimension)
        let times = try encode(texts) { text, _, encoded in
            pool(encoded.states, into: &vectors[text * dimension..<(text + 1) * dimension])
            FeatureBlocks.write(encoded, hidden: dimension, into: &features, at: text * featureDimension)
        }
        return TextFeatures(
            vectors: vectors, features: features, tokenCounts: times.tokenCounts, tokenizeMicroseconds: times.tokenize,
            embedMicroseconds: times.embed)
    }

    public func tokens(of text: String, most: Int) -> [Int32] { tokenizer.encode(text, maximumTokens: most) }

    public func text(of tokens: [Int32]) -> String? {
        let around = Set(tokenizer.encode("", maximumTokens: 0))
        var text = ""
        for token in tokens where !around.contains(token) {
            guard let spelling = tokenizer.spelling(of: token) else { return nil }
            if !text.isEmpty, !tokenizer.continuesWord(token) { text += " " }
            text += spelling
        }
        return text
    }

    /// The token's number, since vocabularies list common words first.
    public func rank(ofWord word: String) -> Int? {
        guard word.utf8.allSatisfy({ UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 }) else { return nil }
        return tokenizer.token(word).map(Int.init)
    }

    struct Times {
        var tokenCounts: [Int]
        var tokenize: Double
        var embed: Double
    }

    /// Encodes texts of similar length together. `body` gets each text's number in `texts` and its tokens. The result for a text does not depend on the
    /// other texts, as far as the encoder's hidden states do not.
    @discardableResult
    func encode(_ texts: [String], _ body: (_ text: Int, _ tokens: [Int32], _ encoded: EncodedText) -> Void) throws -> Times {
        let clock = ContinuousClock()
        let start = clock.now
        let tokens = texts.map { tokenizer.encode($0, maximumTokens: maxTokens) }
        let tokenized = clock.now
        for group in Self.groups(tokens.map(\.count)) {
            try encoder.hiddenStates(of: group.map { tokens[$0] }) { member, encoded in
                body(group[member], tokens[group[member]], encoded)
            }
        }
        let end = clock.now
        return Times(
            tokenCounts: tokens.map(\.count), tokenize: (tokenized - start).microseconds, embed: (end - tokenized).microseconds)
    }

    /// The numbers of the texts, shortest first, in groups of at most `groupTokens` tokens, or of one text.
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

    /// `vector = p / |p|`, where `p` is the mean of the states or the first one; zero stays zero.
    func pool(_ states: UnsafeBufferPointer<Float>, into vector: inout ArraySlice<Float>) {
        let size = dimension
        let rows = settings.pooling == .mean ? states.count / size : min(1, states.count / size)
        let first = vector.startIndex
        for row in 0..<rows {
            for column in 0..<size { vector[first + column] += states[row * size + column] }
        }
        // The length makes the mean's divisor unnecessary.
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
