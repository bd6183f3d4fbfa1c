/// Cuts a text at its added tokens: first at those that are matched in the text as it is; then the parts between them are normalized
/// and cut at the others.
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

    /// Calls `body` with the parts in order.
    ///
    /// - Parameters:
    ///   - special: whether special tokens are found, or are plain text.
    ///   - plain: offsets in the text's UTF-8 at which special tokens are plain text in any case.
    ///   - normalizer: in place of the splitter's own.
    func forEachPart(
        _ text: String, special: Bool, plain: Set<Int> = [], normalizer: Normalizer? = nil, _ body: (Part) -> Void
    ) {
        let normalizer = normalizer ?? self.normalizer
        var text = text
        let offsets = plain.sorted()
        text.withUTF8 { bytes in
            let text = UTF8Text(bytes)
            added.forEachPart(0..<bytes.count, in: text, special: special, plain: plain) { part in
                switch part {
                case .token(let token): body(.token(token))
                case .text(let range):
                    // Offsets mean nothing in normalized text: a part that has one has no special token there.
                    let isSpecial = special && !Self.contains(range, offsets)
                    normalize(range, in: text, normalizer, special: isSpecial, body)
                }
                return true
            }
        }
    }

    /// Whether one of the sorted offsets lies in the range.
    private static func contains(_ range: Range<Int>, _ offsets: [Int]) -> Bool {
        var (low, high) = (0, offsets.count)
        while low < high {
            let middle = (low + high) / 2
            if offsets[middle] < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        return low < offsets.count && offsets[low] < range.upperBound
    }

    /// UTF-8 offsets of special tokens that are found in the text as it is.
    func specialOffsets(in text: String) -> [Int] {
        var text = text
        return text.withUTF8 { added.specialOffsets(in: UTF8Text($0)) }
    }

    private func normalize(
        _ range: Range<Int>, in text: UTF8Text, _ normalizer: Normalizer, special: Bool, _ body: (Part) -> Void
    ) {
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
