import Generation
import JSON

/// The `list` of embeddings.
enum EmbeddingShape {
    static func whole(_ embedded: EmbeddedTexts, request: EmbeddingRequest, dimension: Int) -> JSONValue {
        let kept = request.dimensions ?? dimension
        let data = request.inputs.indices.map { index -> JSONValue in
            let vector = vector(index, of: embedded, dimension: dimension, kept: kept)
            return [
                "object": "embedding", "index": .integer(Int64(index)),
                "embedding": request.isBase64
                    ? .string(Base64.encode(bytes(vector))) : .array(vector.map(JSONValue.init(shortest:))),
            ]
        }
        let tokens = Int64(embedded.tokenCounts.reduce(0, +))
        return [
            "object": "list", "data": .array(data), "model": .string(request.model),
            "usage": ["prompt_tokens": .integer(tokens), "total_tokens": .integer(tokens)],
        ]
    }

    /// The vector of a text; the first `kept` dimensions of it, scaled back to length 1.
    static func vector(_ index: Int, of embedded: EmbeddedTexts, dimension: Int, kept: Int) -> [Float] {
        let row = embedded.vectors[(index * dimension)..<((index + 1) * dimension)]
        return kept < dimension ? shortened(row.prefix(kept)) : Array(row)
    }

    /// Scaled back to length 1.
    private static func shortened(_ values: ArraySlice<Float>) -> [Float] {
        let length = values.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
        return length > 0 ? values.map { $0 / length } : Array(values)
    }

    /// Little-endian f32.
    private static func bytes(_ vector: [Float]) -> [UInt8] {
        vector.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) } }
    }
}
