/// A token that is matched in the text itself, before the text is cut into words.
struct AddedToken: Sendable, Equatable {
    var id: Int32
    var content: String
    /// Matched only where no word character is next to it.
    var singleWord = false
    /// The token includes the white space before it, or after it.
    var stripsLeft = false
    var stripsRight = false
    /// Matched after the text was normalized, in its normalized spelling.
    var isNormalized = false
    var isSpecial = false
}

/// Finds added tokens in a text: at each place the longest one, from the left, without overlaps.
///
/// A trie; a text costs `O(bytes)` and the longest token more at each place where one may begin.
struct AddedTokenMatcher: Sendable {
    enum Part {
        case text(Range<Int>)
        case token(Int32)
    }

    private let tokens: [AddedToken]
    /// `node << 8 | byte` to the next node; the root is 0.
    private var edges: [UInt64: Int32] = [:]
    /// The token that ends at each node, an index of `tokens`; -1 for none.
    private var ends: [Int32] = [-1]
    private var canBegin = [Bool](repeating: false, count: 256)

    /// - Parameter spelling: the bytes to match for each token.
    init(_ tokens: [AddedToken], spelling: (AddedToken) -> [UInt8]) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() { insert(spelling(token), Int32(index)) }
    }

    var isEmpty: Bool { tokens.isEmpty }

    private mutating func insert(_ bytes: [UInt8], _ token: Int32) {
        guard let first = bytes.first else { return }
        canBegin[Int(first)] = true
        var node = 0
        for byte in bytes {
            let edge = UInt64(node) << 8 | UInt64(byte)
            if let following = edges[edge] {
                node = Int(following)
            } else {
                edges[edge] = Int32(ends.count)
                node = ends.count
                ends.append(-1)
            }
        }
        ends[node] = token
    }

    /// Calls `body` with the parts of a range in order, until it returns false.
    ///
    /// - Parameters:
    ///   - special: whether special tokens are found; when not, their spelling is plain text.
    ///   - plain: offsets at which special tokens are plain text in any case.
    /// - Returns: whether all parts were visited.
    @discardableResult
    func forEachPart(
        _ range: Range<Int>, in text: UTF8Text, special: Bool, plain: Set<Int> = [], _ body: (Part) -> Bool
    ) -> Bool {
        var rest = range.lowerBound
        var index = range.lowerBound
        while index < range.upperBound, !isEmpty {
            guard canBegin[Int(text.bytes[index])], let match = match(at: index, limit: range.upperBound, in: text) else {
                index += 1
                continue
            }
            let token = tokens[match.token]
            let found = index..<match.end
            index = match.end
            if token.isSpecial, !special || plain.contains(found.lowerBound) { continue }
            guard isAllowed(token, found, range, text) else { continue }
            var (start, end) = (found.lowerBound, found.upperBound)
            if token.stripsLeft { start = spaceStart(before: start, limit: rest, in: text) }
            if token.stripsRight { end = text.end(of: .space, from: end, limit: range.upperBound) }
            if rest < start, !body(.text(rest..<start)) { return false }
            if !body(.token(token.id)) { return false }
            rest = end
            index = max(index, end)
        }
        return rest >= range.upperBound || body(.text(rest..<range.upperBound))
    }

    /// Where special tokens begin that `forEachPart` would find.
    func specialOffsets(in text: UTF8Text) -> [Int] {
        var offsets: [Int] = []
        var index = 0
        while index < text.bytes.count, !isEmpty {
            guard canBegin[Int(text.bytes[index])], let match = match(at: index, limit: text.bytes.count, in: text) else {
                index += 1
                continue
            }
            let isFound = isAllowed(tokens[match.token], index..<match.end, 0..<text.bytes.count, text)
            if tokens[match.token].isSpecial, isFound { offsets.append(index) }
            index = match.end
        }
        return offsets
    }

    private func match(at start: Int, limit: Int, in text: UTF8Text) -> (token: Int, end: Int)? {
        var node = 0
        var index = start
        var longest: (token: Int, end: Int)?
        while index < limit, let next = edges[UInt64(node) << 8 | UInt64(text.bytes[index])] {
            node = Int(next)
            index += 1
            if ends[node] >= 0 { longest = (Int(ends[node]), index) }
        }
        return longest
    }

    private func isAllowed(_ token: AddedToken, _ found: Range<Int>, _ range: Range<Int>, _ text: UTF8Text) -> Bool {
        guard token.singleWord else { return true }
        if found.lowerBound > range.lowerBound,
            text.flags(at: text.start(before: found.lowerBound)).flags.contains(.wordCharacter)
        {
            return false
        }
        return found.upperBound == range.upperBound
            || !text.flags(at: found.upperBound).flags.contains(.wordCharacter)
    }

    private func spaceStart(before index: Int, limit: Int, in text: UTF8Text) -> Int {
        var start = index
        while start > limit {
            let previous = text.start(before: start)
            guard text.flags(at: previous).flags.contains(.space) else { break }
            start = previous
        }
        return start
    }
}
