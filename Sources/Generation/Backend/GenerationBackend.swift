/// Something that generates text: the engine of this process, or a server elsewhere.
///
/// All members may be used from any thread. What is not `async` returns at once: it never waits for the model, a disk or a
/// network, unless its comment says so.
public protocol GenerationBackend: Sendable {
    /// Name of the base model, as `/v1/models` lists it.
    var baseModelName: String { get }
    /// Longest prompt plus completion, in tokens.
    var contextLength: Int { get }
    /// What is known of the base model; nil where nothing is.
    var facts: BaseModelFacts? { get }
    /// Its tokenizer and chat template; nil where it has none that can be asked.
    var tokenizer: TokenizerFacts? { get }
    /// How it is now: a snapshot.
    var status: BackendStatus { get }

    /// Queues the sequences of one prompt, all or none. Everything that happens to a sequence arrives on its stream, which ends in
    /// `finished` or `failed` exactly once unless its consumer cancels it.
    ///
    /// One version of one adapter answers all sequences of the prompt. When it is gone, does not load or cannot answer this prompt, no
    /// sequence starts: the backend calls `fallBack` and goes on with what the submission names then.
    func submit(_ submission: GenerationSubmission)

    /// Brings an adapter to where its next request needs no wait. It may take seconds: not for the loop or the engine's thread.
    /// Errors: `adapterNotFound`, `adapterRejected`.
    func load(_ adapter: String) throws(GenerationError)

    /// Token ids of a text. Errors: `invalidRequest` where the backend has no tokenizer to ask.
    func tokenize(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) async throws(GenerationError) -> [Int32]
    /// Text of token ids, without special tokens; ids that the vocabulary does not have are skipped.
    func detokenize(_ tokens: [Int32]) async throws(GenerationError) -> String

    /// The prompt of a request as `submit` would read it, without log-probabilities; nothing is generated. Errors: as of a request, and
    /// `invalidRequest` where the backend has no tokenizer to ask.
    func prompt(of request: GenerationRequest) async throws(GenerationError) -> PromptReport

    /// Ends the backend: what waits and what runs fails with `draining`. When every stream has its last event, `whenStopped` is
    /// called, on some thread.
    func stop(whenStopped: @escaping @Sendable () -> Void)
}

extension GenerationBackend {
    public var facts: BaseModelFacts? { nil }
    public var tokenizer: TokenizerFacts? { nil }

    public func stop() { stop(whenStopped: {}) }

    /// Queues one sequence, whose adapter is never replaced.
    public func submit(_ request: GenerationRequest, to stream: GenerationStream) {
        submit(GenerationSubmission([GenerationChoice(request, stream: stream)]))
    }

    /// By default, adapters are loaded when they are used.
    public func load(_ adapter: String) throws(GenerationError) {}

    public func tokenize(_ text: String, addSpecialTokens: Bool, parseSpecial: Bool) async throws(GenerationError) -> [Int32] {
        throw GenerationError(.invalidRequest, "\(baseModelName) has no tokenizer that can be asked")
    }

    public func detokenize(_ tokens: [Int32]) async throws(GenerationError) -> String {
        throw GenerationError(.invalidRequest, "\(baseModelName) has no tokenizer that can be asked")
    }

    public func prompt(of request: GenerationRequest) async throws(GenerationError) -> PromptReport {
        throw GenerationError(.invalidRequest, "\(baseModelName) has no tokenizer that can be asked")
    }
}
