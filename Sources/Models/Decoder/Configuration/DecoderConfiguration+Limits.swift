extension DecoderConfiguration {
    /// The largest sizes that are accepted: several times those of the largest published models of these families.
    enum Limits {
        static let vocabulary = 1 << 20
        static let hidden = 1 << 16
        static let layers = 1 << 10
        static let heads = 1 << 10
        static let headDimension = 1 << 10
        static let feedForward = 1 << 20
        static let contextLength = 1 << 24
        static let experts = 1 << 10
    }

    /// Throws `invalidConfiguration`, naming the field, unless all sizes are positive, within the limits, and agree.
    func validated(file: String) throws(ModelError) -> DecoderConfiguration {
        func check(_ name: String, _ value: Int, _ limit: Int) throws(ModelError) {
            guard value >= 1, value <= limit else {
                throw ModelError(.invalidConfiguration, "\(name) is \(value), expected 1 to \(limit)", file: file)
            }
        }
        try check("the vocabulary", vocabulary, Limits.vocabulary)
        try check("the hidden size", hidden, Limits.hidden)
        try check("the number of layers", layers, Limits.layers)
        try check("the number of attention heads", heads, Limits.heads)
        try check("the number of key-value heads", keyValueHeads, Limits.heads)
        try check("the head dimension", headDimension, Limits.headDimension)
        try check("the feed-forward size", feedForward, Limits.feedForward)
        try check("the context length", contextLength, Limits.contextLength)
        if let slidingWindow { try check("the sliding window", slidingWindow, Limits.contextLength) }

        func require(_ condition: Bool, _ message: String) throws(ModelError) {
            guard condition else { throw ModelError(.invalidConfiguration, message, file: file) }
        }
        try require(
            heads % keyValueHeads == 0,
            "\(heads) attention heads are no multiple of \(keyValueHeads) key-value heads")
        try require(headDimension % 2 == 0, "the head dimension \(headDimension) is odd, and rotary embedding needs pairs")
        try require(
            normEpsilon.isFinite && normEpsilon >= 0 && normEpsilon < 1, "the norm epsilon is \(normEpsilon)")
        try require(
            embeddingScale.isFinite && embeddingScale > 0 && attentionScale.isFinite && attentionScale > 0,
            "the factors of embeddings and attention scores are \(embeddingScale) and \(attentionScale)")
        try require(
            residualScale.isFinite && residualScale > 0 && logitScale.isFinite && logitScale > 0,
            "the factors of branches and logits are \(residualScale) and \(logitScale)")
        try require(
            attentionSoftCap.isFinite && attentionSoftCap >= 0 && logitSoftCap.isFinite && logitSoftCap >= 0,
            "the soft caps of scores and logits are \(attentionSoftCap) and \(logitSoftCap)")
        try require(
            rotaryDimension >= 2 && rotaryDimension <= headDimension && rotaryDimension % 2 == 0,
            "\(rotaryDimension) elements of a head are rotated, expected an even number from 2 to \(headDimension)")
        if let queryTemperature {
            try require(
                queryTemperature.beta.isFinite && queryTemperature.beta >= 0 && queryTemperature.originalContext >= 1,
                "queries grow by \(queryTemperature.beta) over a context of \(queryTemperature.originalContext)")
        }
        if case .clamped(let slope, let limit) = activation {
            try require(
                slope.isFinite && slope > 0 && limit.isFinite && limit > 0, "the activation's slope and limit are \(slope) and \(limit), expected above 0")
        }
        if let experts {
            try check("the number of experts", experts.count, Limits.experts)
            try check("the number of experts of a row", experts.chosen, experts.count)
        }
        for rope in [rope, slidingRope].compactMap(\.self) { try checkRotation(rope, file) }
        return self
    }

    private func checkRotation(_ rope: RotaryEmbedding, _ file: String) throws(ModelError) {
        func require(_ condition: Bool, _ message: String) throws(ModelError) {
            guard condition else { throw ModelError(.invalidConfiguration, message, file: file) }
        }
        try require(rope.base.isFinite && rope.base >= 1, "the rotary base is \(rope.base), expected at least 1")
        try require(rope.magnitude.isFinite && rope.magnitude > 0, "the rotary magnitude is \(rope.magnitude), expected above 0")
        switch rope.scaling {
        case .none: break
        case .linear(let factor):
            try require(factor.isFinite && factor >= 1, "the rotary factor is \(factor), expected at least 1")
        case .llama3(let factor, let low, let high, let context):
            try require(factor.isFinite && factor >= 1, "the rotary factor is \(factor), expected at least 1")
            try require(
                low.isFinite && high.isFinite && low > 0 && high > low,
                "the rotary frequency factors are \(low) and \(high), expected 0 < low < high")
            try require(
                1...Limits.contextLength ~= context,
                "the rotary original context is \(context), expected 1 to \(Limits.contextLength)")
        case .yarn(let yarn):
            try require(yarn.factor.isFinite && yarn.factor >= 1, "the rotary factor is \(yarn.factor), expected at least 1")
            try require(
                yarn.slowTurns.isFinite && yarn.fastTurns.isFinite && yarn.slowTurns > 0 && yarn.fastTurns > yarn.slowTurns && rope.base > 1,
                "the rotary ramp goes from \(yarn.slowTurns) to \(yarn.fastTurns) turns, expected 0 < slow < fast")
            try require(
                1...Limits.contextLength ~= yarn.originalContext,
                "the rotary original context is \(yarn.originalContext), expected 1 to \(Limits.contextLength)")
        case .divisors(let divisors):
            for divisors in [divisors, rope.short?.divisors].compactMap(\.self) {
                try require(
                    divisors.count == rotaryDimension / 2,
                    "\(divisors.count) rotary divisors found, expected \(rotaryDimension / 2)")
                try require(
                    divisors.allSatisfy { $0.isFinite && $0 > 0 }, "a rotary divisor is not a positive number")
            }
            if let short = rope.short {
                try require(
                    1...Limits.contextLength ~= short.positions,
                    "the rotary original context is \(short.positions), expected 1 to \(Limits.contextLength)")
            }
        }
    }
}
