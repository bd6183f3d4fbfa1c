public import Generation

/// What the memories of one prompt said, for the log and the metrics. Without texts.
public struct MemoryRecord: Sendable, Equatable {
    /// Which of the request's prompts.
    public var prompt: Int
    public var asked: [AskedMemory]
    /// The fact that answers, without its question; nil: none was meant.
    public var recall: MemoryRecall?
    /// The adapter beside which it answers; nil is the base.
    public var adapter: String?

    public init(prompt: Int, asked: [AskedMemory], recall: MemoryRecall?, adapter: String?) {
        (self.prompt, self.asked, self.recall, self.adapter) = (prompt, asked, recall, adapter)
        self.recall?.question = nil
    }
}
