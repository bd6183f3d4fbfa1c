/// Which tokens may come: as bits, or as a list where they are few.
public final class TokenMask: Sendable {
    /// One bit a token; empty where `list` holds them.
    let bits: [UInt64]
    /// Rising.
    let list: [Int32]

    init(bits: [UInt64], count: Int) {
        let allowed = bits.reduce(0) { $0 + $1.nonzeroBitCount }
        guard allowed * 48 < count else {
            (self.bits, list) = (bits, [])
            return
        }
        var list: [Int32] = []
        list.reserveCapacity(allowed)
        for (index, word) in bits.enumerated() where word != 0 {
            var word = word
            while word != 0 {
                list.append(Int32(index * 64 + word.trailingZeroBitCount))
                word &= word - 1
            }
        }
        (self.bits, self.list) = ([], list)
    }

    var memory: Int { bits.count * 8 + list.count * 4 + 64 }

    /// Sets the logits of all other tokens to `-infinity`.
    ///
    /// - Parameter more: tokens that are allowed, too.
    func apply(to logits: UnsafeMutableBufferPointer<Float>, more: [Int32]) {
        guard let row = logits.baseAddress else { return }
        let kept = more.filter { logits.indices.contains(Int($0)) }.map { ($0, row[Int($0)]) }
        if bits.isEmpty {
            let listed = list.map { row[Int($0)] }
            logits.update(repeating: -.infinity)
            for (place, token) in list.enumerated() { row[Int(token)] = listed[place] }
        } else {
            applyBits(row, logits.count)
        }
        for (token, logit) in kept { row[Int(token)] = logit }
    }

    private func applyBits(_ row: UnsafeMutablePointer<Float>, _ count: Int) {
        bits.withUnsafeBufferPointer { bits in
            for (index, word) in bits.enumerated() where word != .max {
                let start = index * 64
                let end = min(start + 64, count)
                guard start < end else { break }
                if word == 0 {
                    (row + start).update(repeating: -.infinity, count: end - start)
                } else {
                    var absent = ~word
                    while absent != 0 {
                        let token = start + absent.trailingZeroBitCount
                        if token < end { row[token] = -.infinity }
                        absent &= absent - 1
                    }
                }
            }
            let covered = bits.count * 64
            if covered < count { (row + covered).update(repeating: -.infinity, count: count - covered) }
        }
    }

    public func allows(_ token: Int32) -> Bool {
        if bits.isEmpty { return list.contains(token) }
        let index = Int(token) / 64
        return token >= 0 && index < bits.count && bits[index] >> UInt64(token % 64) & 1 == 1
    }

    /// Adds its tokens to bits.
    func add(to bits: inout [UInt64]) {
        if self.bits.isEmpty {
            for token in list { bits[Int(token) / 64] |= 1 << UInt64(token % 64) }
        } else {
            for index in self.bits.indices { bits[index] |= self.bits[index] }
        }
    }
}

/// The tokens of a vocabulary as one state of one automaton sees them, whatever lies around the automaton.
final class TokenSplit: Sendable {
    /// Tokens that stay inside, or end with it.
    let inside: TokenMask
    /// Nodes of the tree at which the automaton matches and behind which there are more tokens: what comes behind the automaton decides
    /// over those.
    let exits: [Int32]

    init(_ automaton: ByteAutomaton, state: Int32, vocabulary: TokenVocabulary) {
        var bits = [UInt64](repeating: 0, count: (vocabulary.count + 63) / 64)
        var exits: [Int32] = []
        var path = [Int32](repeating: -1, count: vocabulary.longestToken + 1)
        path[0] = state
        vocabulary.bytes.withUnsafeBufferPointer { bytes in
            var node = 0
            while node < bytes.count {
                let height = Int(vocabulary.heights[node])
                let next = automaton.next(path[height - 1], bytes[node])
                guard next >= 0 else {
                    node = Int(vocabulary.ends[node])
                    continue
                }
                path[height] = next
                for place in vocabulary.tokenStarts[node]..<vocabulary.tokenStarts[node + 1] {
                    let token = Int(vocabulary.tokens[Int(place)])
                    bits[token / 64] |= 1 << UInt64(token % 64)
                }
                if automaton.isMatch(next), Int(vocabulary.ends[node]) > node + 1 { exits.append(Int32(node)) }
                node += 1
            }
        }
        inside = TokenMask(bits: bits, count: vocabulary.count)
        self.exits = exits
    }
}
