internal import Glibc

/// Rotary position embedding (RoPE, arXiv 2104.09864) in the half-split form of Hugging Face: element `i` of the first half
/// of a head is rotated with element `i` of the second by the angle `position * frequency(i)`.
public struct RotaryEmbedding: Sendable, Equatable {
    public enum Scaling: Sendable, Equatable {
        case none
        /// Positions divided by a factor.
        case linear(factor: Float)
        /// Llama 3.1: long wavelengths divided by a factor, short ones kept, those between blended.
        case llama3(factor: Float, lowFrequencyFactor: Float, highFrequencyFactor: Float, originalContext: Int)
        /// A divisor for each frequency, `[headDimension / 2]`: GGUF's `rope_freqs.weight`.
        case divisors([Float])
    }

    /// The base of the wavelengths, `rope_theta`.
    public var base: Float
    public var scaling: Scaling

    public init(base: Float, scaling: Scaling = .none) {
        self.base = base
        self.scaling = scaling
    }

    /// Radians a position, `[headDimension / 2]`, in f32 as the reference computes them.
    public func frequencies(headDimension: Int) -> [Float] {
        (0..<headDimension / 2).map { index in
            let frequency = 1 / powf(base, Float(2 * index) / Float(headDimension))
            switch scaling {
            case .none: return frequency
            case .linear(let factor): return frequency / factor
            case .divisors(let divisors): return frequency / divisors[index]
            case .llama3(let factor, let low, let high, let context):
                return Self.llama3(frequency, factor: factor, low: low, high: high, context: Float(context))
            }
        }
    }

    private static func llama3(_ frequency: Float, factor: Float, low: Float, high: Float, context: Float) -> Float {
        let wavelength = 2 * Float.pi / frequency
        if wavelength > context / low { return frequency / factor }
        if wavelength < context / high { return frequency }
        let smooth = (context / wavelength - low) / (high - low)
        return (1 - smooth) * frequency / factor + smooth * frequency
    }
}
