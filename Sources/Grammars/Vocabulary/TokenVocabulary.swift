import Synchronization

/// The byte texts of a vocabulary's tokens, as a tree of bytes: what begins alike is looked at once.
///
/// The tree is flat, in the order of a walk: a node's subtree lies behind it, up to `ends`. Tokens of equal bytes share a node. Special
/// tokens lie in the tree under a text that no UTF-8 spells (`marked`), so only a grammar that names them allows them.
/// Immutable; any thread. Memory: about 12 bytes a node and two nodes a token.
public final class TokenVocabulary: Sendable {
    /// One more than the highest id.
    public let count: Int
    let bytes: [UInt8]
    /// How many bytes lead to a node, itself included.
    let heights: [UInt16]
    /// Of each node: the first node that is not in its subtree.
    let ends: [Int32]
    /// Of each node and one more: where its tokens begin in `tokens`.
    let tokenStarts: [Int32]
    let tokens: [Int32]
    let longestToken: Int
    /// Where each token's bytes begin, and all of them.
    private let spellingStarts: [Int32]
    private let spellings: [UInt8]
    /// Tokens that shared automata decide without what lies around them.
    let sharedSplits = Mutex<[SplitCache.Key: SplitCache.Split]>([:])

    /// Longer tokens are never drawn under a grammar.
    static let longestTokenTaken = 4_096

    /// - Parameters:
    ///   - count: ids go from 0 to one less.
    ///   - bytes: of a token; none means that it is never drawn. Special tokens have none.
    ///   - isSpecial: tokens that a grammar can only name.
    public init(count: Int, bytes: (Int32) -> [UInt8], isSpecial: (Int32) -> Bool) {
        self.count = count
        var spellings: [UInt8] = []
        var starts: [Int32] = [0]
        for token in 0..<Int32(count) {
            let spelling = isSpecial(token) ? Self.marked(token) : bytes(token)
            if spelling.count <= Self.longestTokenTaken { spellings += spelling }
            starts.append(Int32(spellings.count))
        }
        let tree = TokenTree(spellings: spellings, starts: starts)
        (self.bytes, heights, ends) = (tree.bytes, tree.heights, tree.ends)
        (tokenStarts, tokens, longestToken) = (tree.tokenStarts, tree.tokens, tree.longest)
        self.spellings = spellings
        spellingStarts = starts
    }

    /// How a special token stands in the tree: a byte that UTF-8 does not have, then its id.
    static func marked(_ token: Int32) -> [UInt8] {
        [0xFF, UInt8(truncatingIfNeeded: token >> 16), UInt8(truncatingIfNeeded: token >> 8), UInt8(truncatingIfNeeded: token)]
    }

    /// The bytes of a token as grammars read them; empty for one that is never drawn.
    func spelling(_ token: Int32) -> ArraySlice<UInt8> {
        guard token >= 0, Int(token) < count else { return [] }
        return spellings[Int(spellingStarts[Int(token)])..<Int(spellingStarts[Int(token) + 1])]
    }

    /// A text as tokens, the longest first at each place; ends where no token fits.
    public func longestTokens(of text: [UInt8]) -> [Int32] {
        var tokens: [Int32] = []
        var place = 0
        while place < text.count, let token = longestToken(of: text[place...]) {
            tokens.append(token)
            place += spelling(token).count
        }
        return tokens
    }

    private func longestToken(of text: ArraySlice<UInt8>) -> Int32? {
        var node = 0
        var end = bytes.count
        var found: Int32?
        for byte in text {
            while node < end, bytes[node] != byte { node = Int(ends[node]) }
            guard node < end else { break }
            if tokenStarts[node] < tokenStarts[node + 1] { found = tokens[Int(tokenStarts[node])] }
            end = Int(ends[node])
            node += 1
        }
        return found
    }
}

/// The making of the tree: tokens sorted by their bytes.
private struct TokenTree {
    var bytes: [UInt8] = []
    var heights: [UInt16] = []
    var ends: [Int32] = []
    var tokenStarts: [Int32] = []
    var tokens: [Int32] = []
    var longest = 0

    init(spellings: [UInt8], starts: [Int32]) {
        spellings.withUnsafeBufferPointer { spellings in
            func spelling(_ token: Int32) -> UnsafeBufferPointer<UInt8> {
                UnsafeBufferPointer(rebasing: spellings[Int(starts[Int(token)])..<Int(starts[Int(token) + 1])])
            }
            let order = (0..<Int32(starts.count - 1)).filter { starts[Int($0)] < starts[Int($0) + 1] }.sorted { left, right in
                let (a, b) = (spelling(left), spelling(right))
                for index in 0..<min(a.count, b.count) where a[index] != b[index] { return a[index] < b[index] }
                return a.count == b.count ? left < right : a.count < b.count
            }
            var path: [Int] = []
            for token in order {
                let own = spelling(token)
                longest = max(longest, own.count)
                var common = 0
                while common < min(path.count, own.count), bytes[path[common]] == own[common] { common += 1 }
                close(&path, to: common)
                for index in common..<own.count {
                    path.append(bytes.count)
                    bytes.append(own[index])
                    heights.append(UInt16(index + 1))
                    ends.append(0)
                    tokenStarts.append(Int32(tokens.count))
                }
                // Equal bytes come one after the other, so the node is the last one.
                tokens.append(token)
            }
            close(&path, to: 0)
            tokenStarts.append(Int32(tokens.count))
        }
    }

    private mutating func close(_ path: inout [Int], to height: Int) {
        while path.count > height { ends[path.removeLast()] = Int32(bytes.count) }
    }
}
