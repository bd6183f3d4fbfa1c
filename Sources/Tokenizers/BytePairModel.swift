/// The merging part of a byte-level BPE tokenizer: from the bytes of one word to tokens.
struct BytePairModel: Sendable {
    /// Pieces as the vocabulary spells them, added tokens included.
    let pieces: PieceTable
    /// By id.
    let isSpecial: [Bool]
    /// By id: added tokens that the model itself does not know, so that only the text's own search finds them.
    let isOutside: [Bool]
    /// The token of each single byte; -1 where the vocabulary has none: such bytes have no token, as in the reference.
    let byteTokens: [Int32]
    let merges: MergeTable
    /// A word that is a piece becomes that token without merging.
    let ignoresMerges: Bool
    /// Stands for bytes without a token.
    let unknown: Int32?
    /// One unknown token for several such bytes in a row.
    let fusesUnknown: Bool
    /// The two parts of each special token that merges can reach.
    let specialParts: [Int32: (Int32, Int32)]

    /// Appends the tokens of a word.
    ///
    /// When `parseSpecial` is false, no special token comes out: one that merging made falls back into its parts, an
    /// unknown token that is special is left out.
    /// Cost: `O(bytes²)` up to `WordMerger.longestScan` bytes and `O(bytes log bytes)` beyond; less when cached.
    func encode(
        _ word: UnsafeBufferPointer<UInt8>, parseSpecial: Bool, merger: WordMerger, into ids: inout [Int32]
    ) {
        if word.count == 1, byteTokens[Int(word[0])] >= 0, !isSpecial[Int(byteTokens[Int(word[0])])] {
            return ids.append(byteTokens[Int(word[0])])
        }
        let key = word.count <= WordCache.longestWord ? WordCache.Key(word) : nil
        if let key, merger.cache.append(key, to: &ids) { return }

        let start = ids.count
        var hasUnknown = false
        if let token = wholeWord(word), parseSpecial || !isSpecial[Int(token)] {
            ids.append(token)
        } else {
            merger.begin(word.count)
            hasUnknown = fill(merger, word, parseSpecial: parseSpecial)
            merger.mergeAll(merges, into: &ids)
        }
        let hasSpecial = ids[start...].contains { isSpecial[Int($0)] }
        if hasSpecial {
            if !parseSpecial { takeApartSpecial(&ids, from: start) }
        } else if let key, !hasUnknown {
            merger.cache.insert(key, ids[start...])
        }
    }

    private func wholeWord(_ word: UnsafeBufferPointer<UInt8>) -> Int32? {
        guard ignoresMerges, let token = pieces.id(of: ByteAlphabet.encode(word)), !isOutside[Int(token)] else { return nil }
        return token
    }

    /// - Returns: whether the unknown token came or would have come up.
    private func fill(_ merger: WordMerger, _ word: UnsafeBufferPointer<UInt8>, parseSpecial: Bool) -> Bool {
        var hasUnknown = false
        var afterUnknown = false
        for byte in word {
            let token = byteTokens[Int(byte)]
            if token >= 0 {
                merger.symbols.append(token)
                afterUnknown = false
            } else if let unknown {
                let isAllowed = parseSpecial || !isSpecial[Int(unknown)]
                if isAllowed && !(afterUnknown && fusesUnknown) { merger.symbols.append(unknown) }
                hasUnknown = true
                afterUnknown = true
            }
        }
        return hasUnknown
    }

    private func takeApartSpecial(_ ids: inout [Int32], from start: Int) {
        var pending = Array(ids[start...].reversed())
        ids.removeSubrange(start...)
        while let token = pending.popLast() {
            if !isSpecial[Int(token)] {
                ids.append(token)
            } else if let parts = specialParts[token] {
                pending.append(parts.1)
                pending.append(parts.0)
            }
        }
    }
}
