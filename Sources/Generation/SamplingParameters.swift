/// How the next token is drawn from the logits.
///
/// Order of the stages: logit bias, penalties, then at `temperature` 0 the argmax (lowest id wins a tie); otherwise
/// temperature, top-k, top-p, min-p, typical-p, and one draw from what is left.
public struct SamplingParameters: Sendable, Equatable {
    /// 0 is greedy.
    public var temperature: Float = 1
    /// Keep the mass up to this probability; 1 keeps all.
    public var topP: Float = 1
    /// Keep this many; 0 keeps all.
    public var topK: Int = 0
    /// Drop tokens less probable than this share of the most probable one; 0 keeps all.
    public var minP: Float = 0
    /// Keep the tokens whose surprise is nearest to the expected one, up to this mass (Meister et al. 2023); 1 keeps all.
    public var typicalP: Float = 1
    /// Subtracted once from the logit of every token generated so far (OpenAI).
    public var presencePenalty: Float = 0
    /// Subtracted for each time the token was generated so far (OpenAI).
    public var frequencyPenalty: Float = 0
    /// Divides positive and multiplies negative logits of tokens in prompt and output (CTRL, `transformers`); 1 is off.
    public var repetitionPenalty: Float = 1
    /// Added to the logit of a token id, -100...100.
    public var logitBias: [Int32: Float] = [:]
    /// Two requests with the same seed, prompt, adapter and parameters give the same text; nil draws a seed.
    public var seed: UInt64?

    public init() {}

    public static let greedy: SamplingParameters = {
        var parameters = SamplingParameters()
        parameters.temperature = 0
        return parameters
    }()
}
