import Generation

/// What is known about one request at its end, for the log and the metrics. Never the prompt.
public struct RequestRecord: Sendable {
    public var id: String
    public var method: String
    /// The endpoint's pattern, like `/v1/models/{id}`: bounded in number, unlike paths; `other` where none fits.
    public var endpoint: String
    public var remoteAddress: String
    /// Name of the API key.
    public var key: String?
    /// 499 when the client left before the answer's head.
    public var status = 0
    /// The client left before the end.
    public var clientLeft = false
    public var isStream = false
    public var errorCode: APIError.Code?
    /// What went wrong inside the server: for the log, not for clients.
    public var failure: String?
    /// One for each prompt, without texts; empty where nothing was generated or routed, nil where the router did not decide.
    public var decisions: [RouteDecision?] = []
    /// Of the prompts whose memories were asked.
    public var memories: [MemoryRecord] = []
    public var choices = 0
    public var usage: GenerationUsage?
    /// Of the first choice.
    public var timings: GenerationTimings?
    /// From the request to the first event with text.
    public var firstTextMilliseconds: Double?
    public var milliseconds = 0.0
    public var finishReasons: [FinishReason] = []

    public init(id: String, method: String, endpoint: String, remoteAddress: String) {
        (self.id, self.method, self.endpoint, self.remoteAddress) = (id, method, endpoint, remoteAddress)
    }
}
