import Models
import Tensors
import Weights

/// An adapter with made-up matrices on all seven projections of every layer, as LoRA files have them, in bf16; in memory int8. B is small.
struct MadeAdapter {
    struct Pair {
        let layer: Int
        let projection: Projection
        /// `[rank, inputs]`
        let a: TensorView
        /// `[outputs, rank]`
        let b: TensorView
    }

    let rank: Int
    let layers: Int
    let pairs: [Pair]

    /// The same seed gives the same adapter.
    init(rank: Int, seed: UInt64, for configuration: DecoderConfiguration) {
        self.rank = rank
        layers = configuration.layers
        var source = BitSource(state: seed)
        var pairs: [Pair] = []
        for layer in 0..<configuration.layers {
            for projection in Projection.allCases where configuration.has(projection) {
                let (outputs, inputs) = projection.shape(in: configuration)
                let stem = "base_model.model.model.layers.\(layer).\(projection.checkpointName)"
                pairs.append(
                    Pair(
                        layer: layer, projection: projection,
                        a: Self.matrix("\(stem).lora_A.weight", [rank, inputs], exponent: -6, &source),
                        b: Self.matrix("\(stem).lora_B.weight", [outputs, rank], exponent: -11, &source)))
            }
        }
        self.pairs = pairs
    }

    /// Bytes of its file's elements.
    var byteCount: Int { pairs.reduce(0) { $0 + $1.a.byteCount + $1.b.byteCount } }

    /// In memory of its own: two deltas of one adapter are as far apart as those of two.
    func delta() throws(ModelError) -> AdapterDelta {
        let byteCount = pairs.reduce(0) { $0 + LowRank.footprint(a: $1.a, b: $1.b, element: .int8) }
        let memory = try ModelError.inMemory(of: "made") { () throws(ResourceError) in try MatrixMemory(byteCount: byteCount) }
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        for pair in pairs {
            let lowRank = try LowRank(a: pair.a, b: pair.b, scale: 1, element: .int8, memory: memory)
            patches.append((pair.layer, pair.projection, LinearPatch(lowRank: lowRank)))
        }
        return AdapterDelta(layers: layers, patches: patches)
    }

    /// Writes `adapter_model.safetensors`, as PEFT names and shapes it, below `folder`.
    func writeWeights(to folder: String) throws(WeightsError) {
        try SafetensorsWriter.write(pairs.flatMap { [$0.a, $0.b] }, to: "\(folder)/adapter_model.safetensors")
    }

    /// The `adapter_config.json` that goes with it.
    var configuration: String {
        let modules = Projection.allCases.map { "\"\($0.checkpointName.split(separator: ".").last ?? "")\"" }
        return """
            {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": \(rank), "lora_alpha": \(rank), "bias": "none",
             "target_modules": [\(modules.joined(separator: ", "))]}
            """
    }

    /// Elements of both signs from `2^exponent` up to twice that.
    private static func matrix(
        _ name: String, _ shape: [Int], exponent: Int, _ source: inout BitSource
    ) -> TensorView {
        let count = shape.reduce(1, *)
        let high = UInt16(127 + exponent) << 7
        var bits = [UInt16](unsafeUninitializedCapacity: count) { buffer, filled in
            var word: UInt64 = 0
            for index in 0..<count {
                if index % 4 == 0 { word = source.next() }
                buffer[index] = UInt16(truncatingIfNeeded: word) & 0x807f | high
                word >>= 16
            }
            filled = count
        }
        let view = bits.withUnsafeMutableBytes { TensorView(name: name, dtype: .bf16, shape: shape, copying: UnsafeRawBufferPointer($0)) }
        guard let view else { preconditionFailure("a matrix has as many bytes as its shape says") }
        return view
    }
}

/// Random bits (xorshift64*), the same for the same seed.
struct BitSource: RandomNumberGenerator {
    private var state: UInt64

    init(state: UInt64) { self.state = state &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_f491_4f6c_dd1d
    }
}
