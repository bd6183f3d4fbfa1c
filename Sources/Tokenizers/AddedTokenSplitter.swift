/// Cuts a text at its added tokens: first at those that are looked for in the text as it is, then, in what is left between them
/// and normalized, at the others.
struct AddedTokenSplitter: Sendable {
    enum Part {
        case token(Int32)
        /// Normalized text without added tokens, borrowed for the time of the call.
        case text(Range<Int>, in: UTF8Text)
    }

    let normalizer: Normalizer
    private let added: AddedTokenMatcher
    private let addedNormalized: AddedTokenMatcher

    init(_ tokens: [AddedToken], normalizer: Normalizer) {
        self.normalizer = normalizer
        added = AddedTokenMatcher(tokens.filter { !$0.isNormalized }) { Array($0.content.utf8) }
        addedNormalized = AddedTokenMatcher(tokens.filter(\.isNormalized)) { normalizer.normalize($0.content) }
    }

    /// Calls `body` with the parts in order. `special`: whether special tokens are found, or are plain text.
    func forEachPart(_ text: String, special: Bool, _ body: (Part) -> Void) {
        var text = text
        text.withUTF8 { bytes in
            let text = UTF8Text(bytes)
            added.forEachPart(0..<bytes.count, in: text, special: special) { part in
                switch part {
                case .token(let token): body(.token(token))
                case .text(let range): normalize(range, in: text, special: special, body)
                }
                return true
            }
        }
    }

    private func normalize(_ range: Range<Int>, in text: UTF8Text, special: Bool, _ body: (Part) -> Void) {
        guard let normalized = normalizer.normalize(range, in: text) else {
            return cut(range, in: text, special: special, body)
        }
        normalized.withUnsafeBufferPointer { bytes in
            cut(0..<bytes.count, in: UTF8Text(bytes), special: special, body)
        }
    }

    private func cut(_ range: Range<Int>, in text: UTF8Text, special: Bool, _ body: (Part) -> Void) {
        addedNormalized.forEachPart(range, in: text, special: special) { part in
            switch part {
            case .token(let token): body(.token(token))
            case .text(let range): body(.text(range, in: text))
            }
            return true
        }
    }
}
