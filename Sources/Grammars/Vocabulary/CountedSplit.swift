/// The tokens of a vocabulary as one state of a string's automaton sees them, by the characters that they add: what bounds of a length
/// leave of them is then found without a walk.
final class CountedSplit: Sendable {
    struct Entry: Sendable {
        /// A token, or a node of the vocabulary's tree.
        var index: Int32
        var characters: Int32
    }

    /// Tokens that stay inside, or end with the string.
    private let inside: [UInt64]
    /// All of `inside`, the longest first.
    private let byLength: [Entry]
    /// Those of `inside` that close the string.
    private let closing: [Entry]
    /// Nodes at which the string is closed, and behind which there are more tokens.
    private let exits: [Entry]

    /// - Parameter place: within a character, as `StringCount` packs it.
    init(_ automaton: ByteAutomaton, state: Int32, place: Int32, vocabulary: TokenVocabulary) {
        var bits = [UInt64](repeating: 0, count: (vocabulary.count + 63) / 64)
        var (tokens, closing, exits): ([Entry], [Entry], [Entry]) = ([], [], [])
        var states = [Int32](repeating: -1, count: vocabulary.longestToken + 1)
        var counts = [StringCount](repeating: StringCount(place), count: vocabulary.longestToken + 1)
        states[0] = state
        var node = 0
        while node < vocabulary.bytes.count {
            let height = Int(vocabulary.heights[node])
            let byte = vocabulary.bytes[node]
            let next = automaton.next(states[height - 1], byte)
            guard next >= 0 else {
                node = Int(vocabulary.ends[node])
                continue
            }
            states[height] = next
            counts[height] = counts[height - 1].adding(byte)
            let characters = counts[height].count
            let isClosed = automaton.isMatch(next)
            for place in vocabulary.tokenStarts[node]..<vocabulary.tokenStarts[node + 1] {
                let token = vocabulary.tokens[Int(place)]
                bits[Int(token) / 64] |= 1 << UInt64(token % 64)
                tokens.append(Entry(index: token, characters: characters))
                if isClosed { closing.append(Entry(index: token, characters: characters)) }
            }
            if isClosed, Int(vocabulary.ends[node]) > node + 1 { exits.append(Entry(index: Int32(node), characters: characters)) }
            node += 1
        }
        inside = bits
        byLength = tokens.sorted { $0.characters > $1.characters }
        self.closing = closing
        self.exits = exits
    }

    var memory: Int { inside.count * 8 + (byLength.count + closing.count + exits.count) * 8 }

    /// Adds the tokens inside that keep the bounds.
    ///
    /// - Parameters:
    ///   - room: characters that may still come.
    ///   - missing: characters that must come before the string may be closed.
    func add(to bits: inout [UInt64], room: Int, missing: Int) {
        var (first, end) = (0, byLength.count)
        while first < end {
            let middle = (first + end) / 2
            if Int(byLength[middle].characters) > room { first = middle + 1 } else { end = middle }
        }
        // Whichever are fewer: those that are too long, or the others.
        var own: [UInt64]
        if first <= byLength.count / 2 {
            own = inside
            for entry in byLength[..<first] { own[Int(entry.index) / 64] &= ~(1 << UInt64(entry.index % 64)) }
        } else {
            own = [UInt64](repeating: 0, count: inside.count)
            for entry in byLength[first...] { own[Int(entry.index) / 64] |= 1 << UInt64(entry.index % 64) }
        }
        if missing > 0 {
            for entry in closing where Int(entry.characters) < missing { own[Int(entry.index) / 64] &= ~(1 << UInt64(entry.index % 64)) }
        }
        for index in own.indices { bits[index] |= own[index] }
    }

    /// Nodes behind which what follows the string decides.
    func exits(room: Int, missing: Int) -> [Int32] {
        exits.filter { Int($0.characters) <= room && Int($0.characters) >= missing }.map(\.index)
    }
}
