import Models
import Tensors

/// VeRA's frozen matrices, which all maps of an adapter share: A is a slice of `[rank, widest input]`, B one of `[widest output, rank]`. Both
/// are drawn uniformly in `±sqrt(3) sqrt(2 / fan in)`, as PEFT does (Kaiming's uniform with gain sqrt(2)); the numbers are the recipe's
/// own, so the file keeps them.
final class SharedMatrices {
    let rank: Int
    let widestInput: Int
    let widestOutput: Int
    /// `[rank, widestInput]`
    let wholeA: FloatBuffer
    /// `[widestOutput, rank]`
    let wholeB: FloatBuffer
    private var slicesA: [Int: FloatBuffer] = [:]
    private var slicesB: [Int: FloatBuffer] = [:]

    init(rank: Int, widestInput: Int, widestOutput: Int, a: FloatBuffer, b: FloatBuffer) {
        (self.rank, self.widestInput, self.widestOutput, wholeA, wholeB) = (rank, widestInput, widestOutput, a, b)
    }

    convenience init(_ recipe: AdapterRecipe, _ configuration: DecoderConfiguration) {
        let shapes = recipe.targets.map { $0.shape(in: configuration) }
        let (inputs, outputs) = (shapes.map(\.inputs).max() ?? 1, shapes.map(\.outputs).max() ?? 1)
        var random = SeededFloats(seed: recipe.seed, stream: 0)
        func drawn(_ count: Int, fanIn: Int) -> FloatBuffer {
            let bound = (6 / Float(fanIn)).squareRoot()
            return FloatBuffer((0..<count).map { _ in bound * random.symmetric() })
        }
        self.init(
            rank: recipe.rank, widestInput: inputs, widestOutput: outputs, a: drawn(recipe.rank * inputs, fanIn: inputs),
            b: drawn(outputs * recipe.rank, fanIn: recipe.rank))
    }

    /// The first columns of A, `[rank, inputs]`.
    func a(_ inputs: Int) -> FloatBuffer {
        if let known = slicesA[inputs] { return known }
        let slice = FloatBuffer(count: rank * inputs)
        for row in 0..<rank { (slice.pointer + row * inputs).update(from: wholeA.pointer + row * widestInput, count: inputs) }
        slicesA[inputs] = slice
        return slice
    }

    /// The first rows of B, `[outputs, rank]`.
    func b(_ outputs: Int) -> FloatBuffer {
        if let known = slicesB[outputs] { return known }
        let slice = FloatBuffer(count: outputs * rank)
        slice.pointer.update(from: wholeB.pointer, count: outputs * rank)
        slicesB[outputs] = slice
        return slice
    }
}

/// Numbers that a seed and a stream determine (SplitMix64).
struct SeededFloats {
    private var state: UInt64

    init(seed: UInt64, stream: UInt64) {
        state = seed &* 0xD6E8_FEB8_6659_FD93 &+ stream &* 0x9E37_79B9_7F4A_7C15
    }

    /// Uniform in -1..<1.
    mutating func symmetric() -> Float {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Float(Int64(bitPattern: z) >> 40) / Float(1 << 23)
    }
}
