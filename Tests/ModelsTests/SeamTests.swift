import Models
import Tensors
import Testing

@Suite("the seam for adapters")
struct SeamTests {
    static let configuration = DecoderConfiguration(
        name: "test", architecture: .llama, vocabulary: 32, hidden: 8, layers: 2, heads: 2, keyValueHeads: 1,
        headDimension: 4, feedForward: 12, contextLength: 64, normEpsilon: 1e-5, rope: RotaryEmbedding(base: 10000),
        slidingWindow: nil, tiedHead: true, biases: [], headNorms: false)

    static func view(_ name: String, _ shape: [Int], _ values: [Float]) throws -> TensorView {
        try values.withUnsafeBytes { bytes in
            try #require(TensorView(name: name, dtype: .f32, shape: shape, copying: bytes))
        }
    }

    static func lowRank(rank: Int, inputs: Int, outputs: Int, element: LowRank.Element = .f32) throws -> LowRank {
        try LowRank(
            a: view("a", [rank, inputs], (0..<rank * inputs).map(Float.init)),
            b: view("b", [outputs, rank], (0..<rank * outputs).map(Float.init)), scale: 2, element: element)
    }

    @Test("a low-rank update keeps the sizes of its files and counts its bytes")
    func sizes() throws {
        let update = try Self.lowRank(rank: 3, inputs: 8, outputs: 5)
        #expect((update.rank, update.inputs, update.outputs) == (3, 8, 5))
        #expect(update.byteCount == 4 * 3 * (8 + 5))
        #expect(try Self.lowRank(rank: 3, inputs: 8, outputs: 5, element: .bf16).byteCount == 2 * 3 * (8 + 5))
    }

    @Test("matrices of different ranks, empty ones and vectors are refused by name")
    func mismatch() throws {
        let a = try Self.view("lora_A", [2, 8], [Float](repeating: 0, count: 16))
        let b = try Self.view("lora_B", [4, 3], [Float](repeating: 0, count: 12))
        #expect(throws: ModelError(.wrongShape, "the shape is [4, 3], expected [4, 2]", tensor: "lora_B")) {
            try LowRank(a: a, b: b, scale: 1, element: .f32)
        }
        let empty = try Self.view("lora_A", [0, 8], [])
        #expect(throws: ModelError.self) { try LowRank(a: empty, b: b, scale: 1, element: .f32) }
        let vector = try Self.view("lora_B", [4], [0, 0, 0, 0])
        #expect(throws: ModelError.self) { try LowRank(a: a, b: vector, scale: 1, element: .f32) }
    }

    @Test("a delta gives back its patches and the sum of their bytes")
    func delta() throws {
        let update = try Self.lowRank(rank: 3, inputs: 8, outputs: 8)
        let scale = FloatBuffer([Float](repeating: 2, count: 4))
        let delta = AdapterDelta(
            layers: 2,
            patches: [
                (1, .query, LinearPatch(lowRank: update)), (0, .value, LinearPatch(outputScale: scale)),
                (0, .down, LinearPatch()),
            ])
        #expect(delta[1, .query]?.lowRank === update)
        #expect(delta[0, .value]?.outputScale === scale)
        #expect(delta[0, .query] == nil && delta[0, .down] == nil)
        #expect(delta.byteCount == update.byteCount + 16)
        try delta.validate(for: Self.configuration)
    }

    @Test("a delta for another model names the layer and projection that do not fit")
    func otherModel() throws {
        let update = try Self.lowRank(rank: 1, inputs: 8, outputs: 8)
        let wrongPlace = AdapterDelta(layers: 2, patches: [(1, .gate, LinearPatch(lowRank: update))])
        #expect(
            throws: ModelError(
                .wrongShape, "the shape is [8, 8], expected [12, 8]", tensor: "layers.1.mlp.gate_proj")
        ) { try wrongPlace.validate(for: Self.configuration) }
        let wrongDepth = AdapterDelta(layers: 3, patches: [(1, .query, LinearPatch(lowRank: update))])
        #expect(throws: ModelError.self) { try wrongDepth.validate(for: Self.configuration) }
        let wrongVector = AdapterDelta(
            layers: 2, patches: [(0, .key, LinearPatch(bias: FloatBuffer([Float](repeating: 0, count: 5))))])
        #expect(throws: ModelError.self) { try wrongVector.validate(for: Self.configuration) }
    }

    @Test("a step's rows of logits follow what its runs ask for")
    func logitsRows() {
        let batch = StepBatch(
            tokens: [1, 2, 3, 4, 5, 6],
            runs: [
                .init(tokens: 0..<3, startPosition: 0, blocks: [0], logits: .none),
                .init(tokens: 3..<5, startPosition: 9, blocks: [1], logits: .all),
                .init(tokens: 5..<6, startPosition: 4, blocks: [2], logits: .last),
            ])
        #expect(batch.logitsRows == 3)
    }
}
