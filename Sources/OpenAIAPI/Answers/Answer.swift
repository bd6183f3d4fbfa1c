import Generation
import JSON

/// One generating request while it is answered: what is known of it and of each of its choices.
struct Answer {
    /// One generated sequence.
    struct Choice {
        /// nil while the router has not decided.
        var decision: RouteDecision?
        var start: GenerationStart?
        var text = ""
        var reasoning = ""
        var calls: [AnsweredCall] = []
        /// Where the client asks for it.
        var prompt: PromptReport?
        /// Filled for answers that are sent whole; streams pass them on.
        var logprobs: [TokenLogprob] = []
        var finish: FinishReason?
        /// Where the client asks for it and a fact answers.
        var without: TextWithoutMemory?
        var usage: GenerationUsage?
        var timings: GenerationTimings?
        /// No other adapter will answer it.
        var isSettled: Bool { decision.map { start != nil || finish != nil || !$0.mayFallBack } ?? false }
        /// Its time was over before it was whole.
        var isTimedOut = false
        /// Tokens so far, where each comes with its log-probability.
        var tokens = 0
        var hasContent: Bool { !text.isEmpty || !reasoning.isEmpty || !calls.isEmpty }
        /// Nothing more comes.
        var isWhole: Bool { finish != nil && without?.isWhole != false }
        /// A stream has sent its report.
        var isReported = false
        /// Code points of the tokens that a stream has passed on: completions number them.
        var offset = 0

        mutating func add(_ part: AnswerPart) {
            switch part {
            case .text(let text): self.text += text
            case .reasoning(let text): reasoning += text
            case .call(let part):
                if part.index < calls.count { calls[part.index].add(part) } else { calls.append(AnsweredCall(part)) }
            }
        }
    }

    /// `chatcmpl-…` or `cmpl-…`.
    let id: String
    /// Unix seconds.
    let created: Int
    let baseModel: String
    let job: GenerationJob
    var choices: [Choice]
    /// The client ended it before it was whole.
    var isCancelled = false

    init(id: String, created: Int, baseModel: String, job: GenerationJob) {
        self.id = id
        self.created = created
        self.baseModel = baseModel
        self.job = job
        choices = (0..<job.sequences).map { _ in Choice() }
        for index in choices.indices { choices[index].offset = prompt(of: index).echo.unicodeScalars.count }
    }

    /// Who answers each prompt is certain: its adapter cannot be replaced, or one of its choices has started or ended.
    var isSettled: Bool {
        job.prompts.indices.allSatisfy { prompt in
            choices[(prompt * job.choices)..<((prompt + 1) * job.choices)].contains(where: \.isSettled)
        }
    }
    /// Of the first choice of each prompt: all its choices have the same.
    var decisions: [RouteDecision?] { job.prompts.indices.map { choices[$0 * job.choices].decision } }
    func prompt(of choice: Int) -> GenerationJob.Prompt { job.prompts[choice / job.choices] }

    /// What comes before a choice's text: what the client sent, or the text of the tokens that it sent.
    func echo(of choice: Int) -> String {
        let text = prompt(of: choice).echo
        return text.isEmpty && job.echoesPrompt ? choices[choice].prompt?.text ?? "" : text
    }

    /// The prompt of a choice is known.
    mutating func note(_ prompt: PromptReport, of choice: Int) {
        choices[choice].prompt = prompt
        choices[choice].offset = echo(of: choice).unicodeScalars.count
    }

    /// The model that answers a choice: the adapter, or the base by its own name; or the client's alias.
    func model(of choice: Int) -> String { job.alias ?? choices[choice].decision?.adapter ?? baseModel }

    /// The model of the whole answer; `auto` when its prompts went to different ones.
    var model: String {
        let first = model(of: 0)
        return choices.indices.allSatisfy { model(of: $0) == first } ? first : "auto"
    }

    var isFinished: Bool { choices.allSatisfy(\.isWhole) }

    /// Each prompt counts once, however many choices it has.
    var usage: GenerationUsage {
        var total = GenerationUsage(promptTokens: 0, cachedTokens: 0, completionTokens: 0)
        for prompt in job.prompts.indices {
            // Choices whose time was over before they started have none.
            let usages = choices[(prompt * job.choices)..<((prompt + 1) * job.choices)].compactMap(\.usage)
            for usage in usages { total.completionTokens += usage.completionTokens }
            guard let first = usages.first else { continue }
            total.promptTokens += first.promptTokens
            total.cachedTokens += first.cachedTokens
        }
        return total
    }

    var usageJSON: JSONValue { Self.json(usage) }

    /// The `usage` member of a choice's chunk in a stream: null unless the client wants the usage so far; nil without any.
    func chunkUsage(of choice: Int) -> JSONValue? {
        guard job.includesUsage else { return nil }
        guard job.hasContinuousUsage, let start = choices[choice].start else { return .some(.null) }
        return Self.json(
            choices[choice].usage
                ?? GenerationUsage(
                    promptTokens: start.promptTokens, cachedTokens: start.cachedTokens, completionTokens: choices[choice].tokens))
    }

    private static func json(_ usage: GenerationUsage) -> JSONValue {
        [
            "prompt_tokens": .integer(Int64(usage.promptTokens)),
            "completion_tokens": .integer(Int64(usage.completionTokens)),
            "total_tokens": .integer(Int64(usage.promptTokens + usage.completionTokens)),
            "prompt_tokens_details": ["cached_tokens": .integer(Int64(usage.cachedTokens))],
        ]
    }
}
