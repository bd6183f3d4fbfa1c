/// The seven linear maps of a decoder layer: the places where an adapter's linear patches attach.
public enum Projection: Int, CaseIterable, Sendable {
    case query, key, value, output, gate, up, down

    /// Linear maps of a layer.
    static var count: Int { 7 }

    /// As in Hugging Face checkpoints and PEFT files, below `model.layers.N.`.
    public var checkpointName: String {
        switch self {
        case .query: "self_attn.q_proj"
        case .key: "self_attn.k_proj"
        case .value: "self_attn.v_proj"
        case .output: "self_attn.o_proj"
        case .gate: "mlp.gate_proj"
        case .up: "mlp.up_proj"
        case .down: "mlp.down_proj"
        }
    }

    /// As in GGUF files, below `blk.N.`.
    package var ggufName: String {
        switch self {
        case .query: "attn_q"
        case .key: "attn_k"
        case .value: "attn_v"
        case .output: "attn_output"
        case .gate: "ffn_gate"
        case .up: "ffn_up"
        case .down: "ffn_down"
        }
    }

    /// The maps that each expert of a mixture has.
    package static let ofExperts: [Projection] = [.gate, .up, .down]

    /// Without the block that it is in: `gate_proj`.
    var shortCheckpointName: Substring { checkpointName.split(separator: ".").last ?? "" }

    /// Of an expert in Mixtral's checkpoints.
    var mixtralName: String {
        switch self {
        case .gate: "w1"
        case .up: "w3"
        default: "w2"
        }
    }

    /// The shape of the weight matrix, `[outputs, inputs]`.
    public func shape(in configuration: DecoderConfiguration) -> (outputs: Int, inputs: Int) {
        switch self {
        case .query: (configuration.queryWidth, configuration.hidden)
        case .key, .value: (configuration.keyValueWidth, configuration.hidden)
        case .output: (configuration.hidden, configuration.queryWidth)
        case .gate, .up: (configuration.feedForward, configuration.hidden)
        case .down: (configuration.hidden, configuration.feedForward)
        }
    }
}

extension DecoderConfiguration {
    /// Where GGUF's Llama files have the rows of a query or key matrix: row `i` in the order of Hugging Face is row `[i]` there. The
    /// halves of each head, which are rotated together, lie side by side.
    package func interleavedRows(_ projection: Projection) -> [Int] {
        let half = headDimension / 2
        return (0..<projection.shape(in: self).outputs).map { row in
            let (head, place) = (row / headDimension, row % headDimension)
            return head * headDimension + (place < half ? 2 * place : 2 * (place - half) + 1)
        }
    }
}
