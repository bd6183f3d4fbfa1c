public import Generation
internal import Tensors
import Tokenizers
internal import Weights

/// Turns texts into unit vectors without a network: the mean of the vectors of a text's tokens, scaled to length 1, as WordLlama does it.
///
/// It takes tens of microseconds a text, and is less exact than an encoder: the order of words does not count. Immutable and
/// thread-safe. A text's vector does not depend on the texts beside it.
public final class StaticEmbedder: TextEmbedder {
    public let name: String
    public let identity: String
    public let dimension: Int
    public let maxTokens = 8192

    private let tokenizer: SentencePieceTokenizer
    /// `[vocabulary, dimension]`, as stored; mapped.
    private let table: TensorView

    private static let weightsFile = "model.safetensors"
    private static let tensorName = "embedding.weight"

    /// Whether the folder's weights are one table of vectors and nothing else. Cost: reads a header.
    public static func isStatic(folder: String) -> Bool {
        guard let file = try? SafetensorsFile.open("\(folder)/\(weightsFile)") else { return false }
        return Array(file.tensors.keys) == [tensorName]
    }

    /// Reads `tokenizer.json` and maps `model.safetensors`, whose one tensor is `embedding.weight`, `[vocabulary, dimension]`.
    ///
    /// - Parameter name: the folder's own unless given.
    /// Errors: `TokenizerError`, `WeightsError`; `EmbeddingError.malformed` where the two files contradict each other.
    public init(folder: String, name: String? = nil) throws {
        let path = "\(folder)/\(Self.weightsFile)"
        let table = try SafetensorsFile.open(path).tensor(Self.tensorName)
        guard table.dtype.isFloatingPoint, table.shape.count == 2, table.shape[1] > 0 else {
            throw EmbeddingError(
                .malformed, "\(Self.tensorName) is \(table.dtype.name) \(table.shape); expected floating-point [vocabulary, dimension]",
                file: path)
        }
        tokenizer = try SentencePieceTokenizer.load(folder: folder)
        guard tokenizer.vocabularySize <= table.shape[0] else {
            throw EmbeddingError(
                .malformed, "the tokenizer has \(tokenizer.vocabularySize) tokens, the table \(table.shape[0]) vectors",
                file: "\(folder)/tokenizer.json")
        }
        self.table = table
        dimension = table.shape[1]
        self.name = name ?? folder.split(separator: "/").last.map(String.init) ?? folder
        identity = try EncoderFolder.identity(folder, precision: "static-lower")
    }

    public func tokens(of text: String, most: Int) -> [Int32] {
        Array(tokenizer.encode(text, addSpecialTokens: false, parseSpecial: true).prefix(most))
    }

    public func text(of tokens: [Int32]) -> String? {
        guard tokens.allSatisfy({ 0..<tokenizer.vocabularySize ~= Int($0) }) else { return nil }
        return tokenizer.decode(tokens, skipSpecialTokens: true)
    }

    public func embed(_ texts: [String]) throws -> EmbeddedTexts {
        let clock = ContinuousClock()
        let start = clock.now
        let tokens = texts.map { tokenizer.encode($0, addSpecialTokens: false, parseSpecial: true).prefix(maxTokens) }
        let tokenized = clock.now
        var vectors = [Float](repeating: 0, count: texts.count * dimension)
        vectors.withUnsafeMutableBufferPointer { vectors in
            guard let base = vectors.baseAddress else { return }
            for (text, tokens) in tokens.enumerated() { write(tokens, into: base + text * dimension) }
        }
        do throws(MappedFileError) {
            try table.check()
        } catch {
            throw EmbeddingError(.malformed, error.message, file: error.path)
        }
        let end = clock.now
        return EmbeddedTexts(
            vectors: vectors, tokenCounts: tokens.map(\.count), tokenizeMicroseconds: (tokenized - start).microseconds,
            embedMicroseconds: (end - tokenized).microseconds)
    }

    /// The features are the vector of the text in lower case: its tokens differ for capitals, which would change two decisions in five.
    public func features(of texts: [String]) throws -> TextFeatures {
        let embedded = try embed(texts)
        let lower = texts.map { $0.lowercased() }
        // Byte by byte: `==` would compare canonical equivalents, which costs more and says less.
        let folded = zip(lower, texts).allSatisfy({ $0.utf8.elementsEqual($1.utf8) }) ? nil : try embed(lower)
        return TextFeatures(
            vectors: embedded.vectors, features: folded?.vectors ?? embedded.vectors, tokenCounts: embedded.tokenCounts,
            tokenizeMicroseconds: embedded.tokenizeMicroseconds + (folded?.tokenizeMicroseconds ?? 0),
            embedMicroseconds: embedded.embedMicroseconds + (folded?.embedMicroseconds ?? 0))
    }

    /// `vector = s / |s|`, where `s` is the sum of the tokens' rows in their order; the length makes the mean's divisor unnecessary. Zero
    /// stays zero.
    private func write(_ tokens: ArraySlice<Int32>, into vector: UnsafeMutablePointer<Float>) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: dimension) { row in
            guard let row = row.baseAddress else { return }
            for token in tokens {
                table.dequantizeRows(Int(token)..<Int(token) + 1, into: row)
                Kernels.add(row, to: vector, count: dimension)
            }
        }
        let squares = Kernels.dot(vector, vector, count: dimension)
        if squares > 0 { Kernels.multiply(vector, by: 1 / squares.squareRoot(), count: dimension) }
    }

    /// The token's number, since merges of common words were learnt first.
    public func rank(ofWord word: String) -> Int? {
        guard word.utf8.allSatisfy({ UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 }) else { return nil }
        return tokenizer.token("\u{2581}\(word)").map(Int.init)
    }
}
