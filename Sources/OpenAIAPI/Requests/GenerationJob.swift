import Generation

/// A generating request of any dialect after validation: everything but the adapter is decided.
struct GenerationJob: Sendable {
    struct Prompt: Sendable {
        var prompt: GenerationRequest.Prompt
        /// What the router is asked when it decides.
        var routed: RouteQuestion.Content
        /// Comes before the generated text.
        var echo = ""
        /// Where it stands in the request: of errors that are found when it is read.
        var field: String?
    }

    var prompts: [Prompt]
    /// Sequences of each prompt; choice `i` answers prompt `i / choices`.
    var choices: Int
    var selection: ModelSelection
    /// Asked whether one of their facts is meant.
    var memories: MemorySelection
    /// How strongly the adapter acts.
    var scale: Double = 1
    var route: RouteOptions
    var sampling: SamplingParameters
    var maxTokens: Int?
    var stop: [String]
    /// Alternatives a token; nil asks for no log-probabilities.
    var topLogprobs: Int?
    var ignoresEndOfSequence: Bool
    var isStream: Bool
    /// The client's name for its own user.
    var user: String?
    var includesUsage: Bool
    /// Each chunk of a stream has the usage so far.
    var hasContinuousUsage = false
    var toolChoice = ToolChoice()
    /// The answer's call is written as `function_call`, for clients that know `functions` only.
    var writesFunctionCall = false
    /// nil: free text.
    var format: AnswerFormat?
    var rendering = PromptRendering()
    /// Thinking is a part of its own; false: it is text.
    var separatesReasoning = true
    var tokens = TokenOptions()
    /// The client's name for the model where it is an alias; nil: the answer names who answers.
    var alias: String?
    /// The prompt comes before the answer, with log-probabilities where the answer has some.
    var echoesPrompt = false
    /// The token that ends the answer is never listed.
    var omitsEndToken = false

    /// Alternatives of each token of the prompt, where anything wants them.
    private var scoredAlternatives: Int? {
        let echoed = echoesPrompt ? topLogprobs : nil
        return [echoed, tokens.promptLogprobs].compactMap { $0 }.max()
    }

    /// The backend says which tokens the prompt has.
    var reportsPrompt: Bool {
        scoredAlternatives != nil || tokens.returnsIDs || (echoesPrompt && prompts.contains { $0.echo.isEmpty })
    }

    var sequences: Int { prompts.count * choices }

    /// What the backend is asked for choice `index`; its adapter is chosen later.
    func request(_ index: Int, id: String, cachePartition: String? = nil) -> GenerationRequest {
        var sampling = sampling
        // With one seed for all, `n` choices would be one text `n` times.
        sampling.seed = sampling.seed.map { $0 &+ UInt64(index % choices) }
        var request = GenerationRequest(
            id: sequences == 1 ? id : "\(id)-\(index)", prompt: prompts[index / choices].prompt, scale: scale,
            sampling: sampling, maxTokens: maxTokens, stop: stop,
            // Tokens are counted and named by their log-probabilities.
            topLogprobs: topLogprobs ?? (hasContinuousUsage || tokens.returnsIDs ? 0 : nil), ignoreEndOfSequence: ignoresEndOfSequence)
        request.cachePartition = tokens.cacheSalt.map { "\(cachePartition ?? "") salt \($0)" } ?? cachePartition
        request.memories = memories.names
        request.toolChoice = toolChoice
        request.format = format
        request.rendering = rendering
        request.rendering.separatesReasoning = separatesReasoning
        request.stopTokens = tokens.stopTokens
        request.includesStop = tokens.includesStop
        request.minTokens = tokens.minTokens
        request.skipsSpecialTokens = tokens.skipsSpecialTokens
        request.bannedWords = tokens.bannedWords
        request.allowedTokens = tokens.allowedTokens
        request.truncation = tokens.truncation
        request.promptLogprobs = scoredAlternatives
        request.reportsPrompt = reportsPrompt
        // Each generated token counts, also the one that ends the answer.
        request.reportsEndToken = !omitsEndToken && (scoredAlternatives != nil || tokens.returnsIDs)
        return request
    }

    /// The same as choice `index`, asking no memory.
    func requestWithoutMemory(_ index: Int, id: String, cachePartition: String?) -> GenerationRequest {
        var request = request(index, id: id, cachePartition: cachePartition)
        request.id += "-without"
        request.memories = []
        request.topLogprobs = nil
        request.promptLogprobs = nil
        request.reportsPrompt = false
        return request
    }
}
