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
        case yarn(YaRN)
        /// A divisor for each frequency, `[rotaryDimension / 2]`: GGUF's `rope_freqs.weight`, and LongRoPE's factors.
        case divisors([Float])
    }

    /// YaRN (arXiv 2309.00071, section 3): frequencies that turn more than `fastTurns` times in the original context are kept, those that
    /// turn less than `slowTurns` times are divided by a factor, those between are blended.
    public struct YaRN: Sendable, Equatable {
        public var factor: Float
        public var originalContext: Int
        public var fastTurns: Float = 32
        public var slowTurns: Float = 1
        /// The ramp begins and ends at whole indices.
        public var truncates = true

        public init(factor: Float, originalContext: Int) {
            self.factor = factor
            self.originalContext = originalContext
        }

        /// The factor of cosines and sines that belongs to a factor of positions.
        static func magnitude(_ factor: Double, _ scale: Double = 1) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }

        /// The part of a frequency that is kept, at each index of `dimension / 2`.
        func kept(dimension: Int, base: Float) -> [Float] {
            func index(_ turns: Float) -> Double {
                Double(dimension) * log(Double(originalContext) / (Double(turns) * 2 * .pi)) / (2 * log(Double(base)))
            }
            let (first, last) = (index(fastTurns), index(slowTurns))
            let low = max(truncates ? first.rounded(.down) : first, 0)
            var high = min(truncates ? last.rounded(.up) : last, Double(dimension - 1))
            if low == high { high += 0.001 }
            return (0..<dimension / 2).map { 1 - min(max((Float($0) - Float(low)) / Float(high - low), 0), 1) }
        }
    }

    /// LongRoPE's divisors for short sequences, `[rotaryDimension / 2]`.
    public struct ShortFactors: Sendable, Equatable {
        public var divisors: [Float]
        /// The most positions of a sequence that takes them.
        public var positions: Int
    }

    /// The base of the wavelengths, `rope_theta`.
    public var base: Float
    public var scaling: Scaling
    /// The factor of cosines and sines: 1 but for YaRN and LongRoPE.
    public var magnitude: Float
    /// Nil: all sequences are rotated alike, by `scaling`.
    public var short: ShortFactors?

    public init(base: Float, scaling: Scaling = .none, magnitude: Float = 1) {
        self.base = base
        self.scaling = scaling
        self.magnitude = magnitude
    }

    /// Whether a sequence that may have so many positions takes the short factors: for all its positions, so that its keys stay valid while it
    /// grows.
    public func isShort(_ positions: Int) -> Bool { short.map { positions <= $0.positions } ?? false }

    /// Radians a position, `[dimension / 2]`, in f32 as the reference computes them. `dimension` is the number of elements of a head that
    /// are rotated.
    public func frequencies(dimension: Int, isShort: Bool = false) -> [Float] {
        let scaling = isShort ? short.map { .divisors($0.divisors) } ?? scaling : scaling
        let kept: [Float] = if case .yarn(let yarn) = scaling { yarn.kept(dimension: dimension, base: base) } else { [] }
        return (0..<dimension / 2).map { index in
            let wavelength = powf(base, Float(2 * index) / Float(dimension))
            let frequency = 1 / wavelength
            switch scaling {
            case .none: return frequency
            case .linear(let factor): return frequency / factor
            case .divisors(let divisors): return frequency / divisors[index]
            case .yarn(let yarn): return 1 / (yarn.factor * wavelength) * (1 - kept[index]) + frequency * kept[index]
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
