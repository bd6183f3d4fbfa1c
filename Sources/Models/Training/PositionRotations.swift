internal import Glibc
internal import Tensors

/// Cosines and sines of rotary positions from 0 on, `[positions, dimension / 2]`, and the sines of the rotation back. `dimension` is the
/// number of a head's elements that are rotated.
struct PositionRotations {
    private let dimension: Int
    private let magnitude: Float
    private let frequencies: [Float]
    private var positions = 0
    private var cosines: [Float] = []
    private var sines: [Float] = []
    private var backSines: [Float] = []

    init(_ rope: RotaryEmbedding, dimension: Int, isShort: Bool = false) {
        self.dimension = dimension
        magnitude = rope.magnitude
        frequencies = rope.frequencies(dimension: dimension, isShort: isShort)
    }

    mutating func extend(to count: Int) {
        while positions < count {
            for frequency in frequencies {
                let angle = Float(positions) * frequency
                cosines.append(magnitude * cosf(angle))
                sines.append(magnitude * sinf(angle))
                backSines.append(-magnitude * sinf(angle))
            }
            positions += 1
        }
    }

    /// Rotates heads to a position, or gradients back from it: the transposed map, which has the same magnitude.
    func rotate(_ x: UnsafeMutablePointer<Float>, heads: Int, headDimension: Int, position: Int, isBack: Bool) {
        let start = position * dimension / 2
        cosines.withUnsafeBufferPointer { cosines in
            (isBack ? backSines : sines).withUnsafeBufferPointer { sines in
                guard let cosine = cosines.baseAddress, let sine = sines.baseAddress else { return }
                if dimension == headDimension {
                    Kernels.rotateHalves(x, heads: heads, headDimension: dimension, cosines: cosine + start, sines: sine + start)
                    return
                }
                for head in 0..<heads {
                    Kernels.rotateHalves(
                        x + head * headDimension, heads: 1, headDimension: dimension, cosines: cosine + start, sines: sine + start)
                }
            }
        }
    }
}
