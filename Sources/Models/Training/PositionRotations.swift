internal import Glibc

/// Cosines and sines of rotary positions from 0 on, `[positions, headDimension / 2]`, and the sines of the rotation back.
struct PositionRotations {
    private let frequencies: [Float]
    private var positions = 0
    private(set) var cosines: [Float] = []
    private(set) var sines: [Float] = []
    private(set) var backSines: [Float] = []

    init(_ rope: RotaryEmbedding, headDimension: Int) { frequencies = rope.frequencies(headDimension: headDimension) }

    mutating func extend(to count: Int) {
        while positions < count {
            for frequency in frequencies {
                let angle = Float(positions) * frequency
                cosines.append(cosf(angle))
                sines.append(sinf(angle))
                backSines.append(-sinf(angle))
            }
            positions += 1
        }
    }
}
