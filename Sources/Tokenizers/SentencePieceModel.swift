/// The merging part of a SentencePiece tokenizer: from the characters of a text to tokens, bytes for those it does not know.
struct SentencePieceModel: Sendable {
    /// Pieces as the vocabulary spells them, added tokens included.
    let pieces: PieceTable
    /// By id.
    let isSpecial: [Bool]
    /// By id: tokens that a character of a text cannot be, such as added ones.
    let isOutside: [Bool]
    /// The token of each single byte; -1 where the vocabulary has none.
    let byteTokens: [Int32]
    let merges: MergeTable
    /// By byte: whether some piece has a `▁` behind it. Behind all others a text may be cut before a `▁`, since no merge
    /// crosses that place.
    let joinsMark: [Bool]
    /// Stands for characters that are neither a piece nor bytes with tokens.
    let unknown: Int32?
    /// One unknown token for several such characters in a row.
    let fusesUnknown: Bool

    /// Appends the tokens of normalized text. No special token comes out but the unknown one, and that not when `parseSpecial` is
    /// false.
    ///
    /// Cost: `O(n log n)` in the longest stretch without a `▁` to cut at.
    func encode(_ range: Range<Int>, in text: UTF8Text, parseSpecial: Bool, merger: WordMerger, into ids: inout [Int32]) {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = wordEnd(from: start, limit: range.upperBound, in: text)
            encode(word: start..<end, in: text, parseSpecial: parseSpecial, merger, &ids)
            start = end
        }
    }

    private func wordEnd(from start: Int, limit: Int, in text: UTF8Text) -> Int {
        var index = start + 1
        while index + 2 < limit {
            if text.bytes[index] == 0xE2, text.bytes[index + 1] == 0x96, text.bytes[index + 2] == 0x81,
                !joinsMark[Int(text.bytes[index - 1])]
            {
                return index
            }
            index += 1
        }
        return limit
    }

    private func encode(
        word: Range<Int>, in text: UTF8Text, parseSpecial: Bool, _ merger: WordMerger, _ ids: inout [Int32]
    ) {
        let bytes = UnsafeBufferPointer(rebasing: text.bytes[word])
        let key = bytes.count <= WordCache.longestWord ? WordCache.Key(bytes) : nil
        if let key, merger.cache.append(key, to: &ids) { return }
        let first = ids.count
        merger.begin(bytes.count)
        let hasUnknown = fill(merger, word, in: text, parseSpecial: parseSpecial)
        merger.mergeAll(merges, into: &ids)
        if let key, !hasUnknown { merger.cache.insert(key, ids[first...]) }
    }

    /// The word's characters, each a piece, or else its bytes, or else unknown. Returns whether the last came up.
    private func fill(_ merger: WordMerger, _ word: Range<Int>, in text: UTF8Text, parseSpecial: Bool) -> Bool {
        var hasUnknown = false
        var afterUnknown = false
        var index = word.lowerBound
        while index < word.upperBound {
            let length = text.scalar(at: index).length
            let character = UnsafeBufferPointer(rebasing: text.bytes[index..<index + length])
            index += length
            if let token = pieces.id(of: character), !isOutside[Int(token)] {
                merger.symbols.append(token)
                afterUnknown = false
            } else if character.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
                for byte in character { merger.symbols.append(byteTokens[Int(byte)]) }
                afterUnknown = false
            } else {
                hasUnknown = true
                if let unknown, parseSpecial || !isSpecial[Int(unknown)], !(afterUnknown && fusesUnknown) {
                    merger.symbols.append(unknown)
                }
                afterUnknown = true
            }
        }
        return hasUnknown
    }
}
