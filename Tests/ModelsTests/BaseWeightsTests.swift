import Foundation
import JSON
import Tensors
import Testing

@testable import Models

@Suite("the base's weights for what is computed from them")
struct BaseWeightsTests {
    static func rows(_ weights: BaseWeights, _ layer: Int, _ projection: Projection, _ rows: Range<Int>) -> [Float] {
        let inputs = projection.shape(in: weights.configuration).inputs
        return [Float](unsafeUninitializedCapacity: rows.count * inputs) { buffer, count in
            if let base = buffer.baseAddress { weights.read(rows, of: layer, projection, into: base) }
            count = rows.count * inputs
        }
    }

    @Test("a checkpoint's rows, biases, embedding and head are those of its tensors")
    func checkpoint() throws {
        var tensors: [String: TensorView] = [:]
        let model = try TinyModel(TinyModel.config("qwen2"), seed: 3) { tensors = $0 }
        let weights = BaseWeights(try ModelFiles.open(model.path))
        for projection in Projection.allCases {
            let name = "model.layers.1.\(projection.checkpointName)"
            let (outputs, inputs) = projection.shape(in: weights.configuration)
            let expected = try #require(tensors["\(name).weight"]).floats()
            #expect(Self.rows(weights, 1, projection, 0..<outputs) == expected)
            #expect(Self.rows(weights, 1, projection, 5..<9) == Array(expected[5 * inputs..<9 * inputs]))
            #expect(weights.bias(of: 1, projection) == tensors["\(name).bias"]?.floats())
            let norm = expected.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
            for _ in 0..<2 { #expect(abs(weights.norm(of: 1, projection) - norm) < 1e-6 * norm) }
        }
        #expect(weights.bias(of: 0, .query) != nil && weights.bias(of: 0, .output) == nil)
        var row = [Float](repeating: 0, count: 2 * weights.configuration.hidden)
        weights.readEmbedding(7..<9, into: &row)
        #expect(try row == Array(#require(tensors["model.embed_tokens.weight"]).floats()[7 * 48..<9 * 48]))
        weights.readHead(7..<9, into: &row)
        #expect(try row == Array(#require(tensors["lm_head.weight"]).floats()[7 * 48..<9 * 48]))
        let before = Self.rows(weights, 0, .up, 0..<4)
        weights.giveBack()
        #expect(Self.rows(weights, 0, .up, 0..<4) == before)
    }

    /// A head's halves lie interleaved in GGUF's Llama files; row `i` of a checkpoint's head is their row `2 i`, and `i + half`
    /// is `2 i + 1`.
    @Test("rows of a GGUF file's queries and keys are in the order of checkpoints")
    func rowOrder() throws {
        let files = try ModelFiles.open(baseModelPath)
        let weights = BaseWeights(files)
        let (dimension, inputs) = (files.configuration.headDimension, files.configuration.hidden)
        for projection in [Projection.query, .key] {
            let stored = files.tensor(.weight(2, projection)).floats()
            let head = Self.rows(weights, 2, projection, dimension..<2 * dimension)
            for row in 0..<dimension {
                let source = dimension + (row < dimension / 2 ? 2 * row : 2 * row - dimension + 1)
                #expect(head[row * inputs..<(row + 1) * inputs].elementsEqual(stored[source * inputs..<(source + 1) * inputs]))
            }
        }
        #expect(Self.rows(weights, 2, .value, 3..<4) == Array(files.tensor(.weight(2, .value)).floats()[3 * inputs..<4 * inputs]))
    }
}
