import Grammars
import Tensors
import Tokenizers

/// Lets an answer satisfy a grammar, token by token.
///
/// Tokens that end the answer are allowed where the grammar may end, and only there.
struct GrammarConstraint: TokenConstraint {
    private var state: GrammarState
    private let ends: [Int32]
    private let tokenizer: any Tokenizer
    private let closes: Bool
    let notes: [String]
    private(set) var isClosed = false

    /// - Parameter closes: an answer whose tokens run out is completed in the shortest way.
    init(_ matcher: GrammarMatcher, _ context: ConstraintContext, closes: Bool) {
        self.closes = closes
        state = matcher.start
        ends = context.ends.sorted()
        tokenizer = context.tokenizer
        notes = matcher.grammar.notes
    }

    mutating func mask(_ logits: UnsafeMutableBufferPointer<Float>) {
        let mayEnd = state.isAccepting()
        if let mask = state.mask() { mask.restrict(logits, more: mayEnd ? ends : []) } else { keepMostProbable(logits) }
    }

    /// Of the most probable tokens those that are allowed, where a mask costs too much.
    private func keepMostProbable(_ logits: UnsafeMutableBufferPointer<Float>) {
        guard let row = logits.baseAddress else { return }
        var kept: [(place: Int, logit: Float)] = []
        for _ in 0..<Self.tokensTried where kept.count < Self.tokensKept {
            let best = Kernels.maximumIndex(row, count: logits.count)
            guard logits[best] > -.infinity else { break }
            if allows(Int32(best)) { kept.append((best, logits[best])) }
            logits[best] = -.infinity
        }
        logits.update(repeating: -.infinity)
        for (place, logit) in kept { logits[place] = logit }
    }

    private static let tokensTried = 512
    private static let tokensKept = 8

    func allows(_ token: Int32) -> Bool {
        if ends.contains(token) {
            var copy = state
            return copy.isAccepting()
        }
        return state.allows(token)
    }

    mutating func accept(_ token: Int32) {
        // Behind a token that ends the answer nothing is drawn.
        guard !ends.contains(token) else { return }
        _ = state.advance(token)
    }

    mutating func isComplete() -> Bool { state.isComplete() }

    mutating func replacement(for token: Int32, remaining: Int) -> Int32? {
        guard closes, remaining <= Self.closingTokens, !ends.contains(token) else { return nil }
        guard let closing = state.closing(insteadOf: token, remaining: remaining), let first = closing.first ?? ends.first else { return nil }
        isClosed = isClosed || first != token
        return first
    }

    /// No end is longer than this; what ends with more of them left is not looked at.
    private static let closingTokens = 512

    mutating func forcedTokens(most: Int) -> [Int32] {
        guard most > 0 else { return [] }
        let bytes = state.forcedBytes(most: most * Self.bytesPerToken)
        guard bytes.count > 1 else { return [] }
        var tokens = canonical(bytes) ?? state.matcher.vocabulary.longestTokens(of: bytes)
        // The last token may be one that goes on behind the forced text.
        if bytes.count < most * Self.bytesPerToken || tokens.count > most { tokens.removeLast(min(1, tokens.count)) }
        return Array(tokens.prefix(most))
    }

    private static let bytesPerToken = 8

    /// As the tokenizer divides the text; nil where it does not give these bytes back.
    private func canonical(_ bytes: [UInt8]) -> [Int32]? {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let tokens = tokenizer.encode(continuing: text, parseSpecial: false)
        return tokens.flatMap(tokenizer.bytes(of:)) == bytes ? tokens : nil
    }
}
