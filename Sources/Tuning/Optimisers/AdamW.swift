internal import Glibc

/// AdamW (Loshchilov and Hutter 2019), as `torch.optim.AdamW` computes it in f32:
///
///     w -= rate decay w
///     m += (1 - beta1)(g - m);  v = beta2 v + (1 - beta2) g^2
///     w -= rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
public struct AdamW: Sendable, Equatable {
    public let beta1: Double
    public let beta2: Double
    public let epsilon: Double

    /// Throws `invalidSetting` outside these ranges: betas from 0 and less than 1, epsilon more than 0 and at most 1.
    public init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8) throws(TuningError) {
        let betas = NumberRange(.included(0), .excluded(1))
        try betas.check(beta1, "adam_beta1")
        try betas.check(beta2, "adam_beta2")
        try NumberRange(.excluded(0), .included(1)).check(epsilon, "adam_epsilon")
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
    }

    /// The factors of one step and group, rounded to f32 once.
    struct Factors {
        var keep: Float
        var firstShare: Float
        var secondKeep: Float
        var secondShare: Float
        var secondScale: Float
        var epsilon: Float
        var stepSize: Float
        var gradientScale: Float
    }

    /// - Parameter step: from 1.
    func factors(step: Int, rate: Double, weightDecay: Double, gradientScale: Double) -> Factors {
        Factors(
            keep: Float(1 - rate * weightDecay), firstShare: Float(1 - beta1), secondKeep: Float(beta2), secondShare: Float(1 - beta2),
            secondScale: Float(1 / (1 - pow(beta2, Double(step))).squareRoot()), epsilon: Float(epsilon),
            stepSize: Float(rate / (1 - pow(beta1, Double(step)))), gradientScale: Float(gradientScale))
    }

    /// One step of `count` weights. `first` and `second` are the moments; no two of the four memories overlap.
    static func update(
        _ weights: UnsafeMutablePointer<Float>, _ gradients: UnsafePointer<Float>, first: UnsafeMutablePointer<Float>,
        second: UnsafeMutablePointer<Float>, count: Int, _ factors: Factors
    ) {
        let whole = count & ~(Lanes.scalarCount - 1)
        for start in stride(from: 0, to: whole, by: Lanes.scalarCount) {
            var values = Values(
                weight: Lanes(weights + start), gradient: Lanes(gradients + start), first: Lanes(first + start),
                second: Lanes(second + start))
            values.step(factors)
            values.first.store(first + start)
            values.second.store(second + start)
            values.weight.store(weights + start)
        }
        for index in whole..<count {
            var values = Values(
                weight: Lanes(repeating: weights[index]), gradient: Lanes(repeating: gradients[index]),
                first: Lanes(repeating: first[index]), second: Lanes(repeating: second[index]))
            values.step(factors)
            first[index] = values.first[0]
            second[index] = values.second[0]
            weights[index] = values.weight[0]
        }
    }

    private struct Values {
        var weight: Lanes
        var gradient: Lanes
        var first: Lanes
        var second: Lanes

        @inline(__always)
        mutating func step(_ factors: Factors) {
            gradient *= factors.gradientScale
            first += factors.firstShare * (gradient - first)
            second = factors.secondKeep * second + factors.secondShare * (gradient * gradient)
            let update = first / (second.squareRoot() * factors.secondScale + factors.epsilon)
            weight = factors.keep * weight - factors.stepSize * update
        }
    }
}
