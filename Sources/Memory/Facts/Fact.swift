/// A question and the answer that is given to it from memory.
public struct Fact: Sendable, Equatable {
    /// Of a store; never given again, also when the fact is forgotten.
    public typealias ID = UInt64

    public var id: ID
    public var question: String
    /// Other ways to ask, which open the gate as the question does: told with the fact, or made by rules.
    public var wordings: [String]
    public var answer: String
    /// Where it comes from, such as a file or a query; nil: it was told.
    public var source: String?
    /// Seconds since 1970.
    public var created: Int64

    public init(id: ID, question: String, wordings: [String] = [], answer: String, source: String? = nil, created: Int64) {
        self.id = id
        self.question = question
        self.wordings = wordings
        self.answer = answer
        self.source = source
        self.created = created
    }
}
