/// Something that generates text: the engine of this process, or a server elsewhere.
///
/// `submit` may be called from any thread and never blocks for the model: it queues the request and returns. All that
/// happens to it afterwards arrives on `stream`, ending in `finished` or `failed` exactly once unless the stream was
/// cancelled first.
public protocol GenerationBackend: Sendable {
    /// Name of the base model, as `/v1/models` lists it.
    var baseModelName: String { get }
    /// Longest prompt plus completion, in tokens.
    var contextLength: Int { get }

    func submit(_ request: GenerationRequest, to stream: GenerationStream)
}
