import Generation
import Tokenizers

/// Which tokens a sequence may be given next: a grammar, a schema, a list of words.
///
/// A value type: a copy keeps its state. The sampler applies it after penalties and before temperature, and advances it by
/// each token that it draws. Draft tokens that it forbids are not verified. Each verified row meets the state after the tokens
/// before it, so speculation changes no token.
///
/// Isolation: one thread at a time. Cost: `mask` is called once a token.
public protocol TokenConstraint: Sendable {
    /// Sets the logits of tokens that may not come next to `-infinity` and leaves the others as they are.
    ///
    /// - Parameter logits: `[vocabulary]`
    mutating func mask(_ logits: UnsafeMutableBufferPointer<Float>)

    /// Whether the token may come next.
    func allows(_ token: Int32) -> Bool

    /// The answer is over: no token may come but one that ends it, so none is computed.
    mutating func isComplete() -> Bool

    /// Tokens that are likely to come because there is hardly a choice. They are drafts: each is verified like any other.
    mutating func forcedTokens(most: Int) -> [Int32]

    /// The token that comes instead of one that was drawn, so that the answer can be completed within its tokens; nil: the drawn one.
    ///
    /// - Parameter remaining: tokens that may still come, this one included.
    mutating func replacement(for token: Int32, remaining: Int) -> Int32?

    /// Some token was replaced.
    var isClosed: Bool { get }

    /// What of the request's form is not enforced, for people.
    var notes: [String] { get }

    /// The token came. It is one that `mask` left.
    mutating func accept(_ token: Int32)
}

extension TokenConstraint {
    public mutating func isComplete() -> Bool { false }
    public mutating func forcedTokens(most: Int) -> [Int32] { [] }
    public mutating func replacement(for token: Int32, remaining: Int) -> Int32? { nil }
    public var isClosed: Bool { false }
    public var notes: [String] { [] }
}

/// What a constraint is made for.
public struct ConstraintContext: Sendable {
    public var tokenizer: any Tokenizer
    /// Tokens that end the answer: they are no part of its text.
    public var ends: Set<Int32>
    /// How the answer is read; nil: it is text.
    var reading: AnswerReading?
}

/// Makes the constraint of a request, or nil where it has none. Called on a worker while the request is prepared.
public typealias ConstraintSource =
    @Sendable (GenerationRequest, ConstraintContext) throws(GenerationError) -> (any TokenConstraint)?
