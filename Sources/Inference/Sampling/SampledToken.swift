/// A token that was drawn, with the log-probabilities that the request asked for.
struct SampledToken {
    /// Why no token could be drawn.
    enum Failure {
        /// Some logit is infinite or no number.
        case logitsNotFinite
        /// All logits are 0: what the head reads is, because the sum of squares in a norm before it was infinite.
        case logitsZero
        /// The constraint allows no token.
        case nothingAllowed
    }

    var token: Int32
    /// Natural logarithm; 0 where the request asked for none.
    var logprob: Float = 0
    /// The most probable tokens, most probable first.
    var alternatives: [(token: Int32, logprob: Float)] = []
    /// Then the token means nothing, and the sequence ends.
    var failure: Failure?
}
