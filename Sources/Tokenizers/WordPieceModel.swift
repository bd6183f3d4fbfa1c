/// Cuts a word into the longest pieces of a vocabulary, from the left (WordPiece, as BERT uses it).
struct WordPieceModel: Sendable {
    /// All pieces: the first of a word is looked for among these.
    let pieces: PieceTable
    /// The pieces that continue a word, by the same ids, without the mark `##`.
    private let continuing: PieceTable
    private let longestPiece: Int
    let unknown: Int32
    /// A word of more scalars is one unknown token.
    private let longestWord: Int
    /// `##`.
    private let mark: [UInt8]

    init(pieces: [String], continuingPrefix: String, unknown: Int32, longestWord: Int) {
        let all = pieces.map { Array($0.utf8) }
        let mark = Array(continuingPrefix.utf8)
        self.mark = mark
        self.pieces = PieceTable(all)
        continuing = PieceTable(all.map { $0.starts(with: mark) ? Array($0[mark.count...]) : [] })
        longestPiece = all.map(\.count).max() ?? 0
        self.unknown = unknown
        self.longestWord = longestWord
    }

    /// How the piece with the id is spelled, without the mark; empty outside the vocabulary.
    func spelling(_ id: Int32) -> ArraySlice<UInt8> { continues(id) ? pieces[Int(id)].dropFirst(mark.count) : pieces[Int(id)] }

    /// Whether the piece with the id continues a word. Without a mark there are no such pieces.
    func continues(_ id: Int32) -> Bool { !mark.isEmpty && pieces[Int(id)].starts(with: mark) }

    /// Appends the tokens of a word: pieces, or one unknown token when it cannot be cut into pieces.
    ///
    /// Cost: at most `O(scalars * longest piece)` lookups; one for a word that is a piece.
    func encode(_ word: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
        // A scalar has at most 4 bytes, so that short words need not be counted.
        if word.count > longestWord, word.count(where: { $0 & 0xC0 != 0x80 }) > longestWord {
            return ids.append(unknown)
        }
        let first = ids.count
        var start = 0
        while start < word.count {
            guard let found = longest(from: start, in: word) else {
                ids.removeSubrange(first...)
                return ids.append(unknown)
            }
            ids.append(found.token)
            start = found.end
        }
    }

    private func longest(from start: Int, in word: UnsafeBufferPointer<UInt8>) -> (token: Int32, end: Int)? {
        let table = start == 0 ? pieces : continuing
        var end = min(word.count, start + longestPiece)
        while end < word.count && word[end] & 0xC0 == 0x80 { end -= 1 }
        while end > start {
            if let token = table.id(of: UnsafeBufferPointer(rebasing: word[start..<end])) { return (token, end) }
            end -= 1
            while end > start && word[end] & 0xC0 == 0x80 { end -= 1 }
        }
        return nil
    }
}
