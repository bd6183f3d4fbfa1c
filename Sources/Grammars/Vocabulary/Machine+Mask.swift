/// The tokens that a state allows.
extension Machine {
    /// nil: it costs more than `limits.maskWork`.
    ///
    /// - Parameter splits: what states of automata decide by themselves.
    func mask(of state: Int32, _ vocabulary: TokenVocabulary, _ splits: inout SplitCache) -> TokenMask? {
        let most = work + grammar.limits.maskWork
        var bits = [UInt64](repeating: 0, count: (vocabulary.count + 63) / 64)
        var others: [Int32] = []
        for stack in Array(stacks(of: state)) {
            let frame = frames[Int(stack)]
            switch (frame.tag, grammar.bodies[Int(frame.node)]) {
            case (.text, .text(let text)) where isOpen(text, stack):
                let split = splits.split(text.automaton, frame.a, vocabulary)
                split.inside.add(to: &bits)
                guard addTriggered(split, stack, vocabulary, &bits, most) else { return nil }
            case (.automaton, .automaton(let automaton, let bounds)):
                let count = Int(StringCount(frame.b).count)
                let missing = max((bounds?.least ?? 0) - count, 0)
                let room = bounds?.most.map { $0 - count } ?? Int.max
                if missing == 0, room >= vocabulary.longestToken {
                    let split = splits.split(automaton, frame.a, vocabulary)
                    split.inside.add(to: &bits)
                    guard addFollowing(split.exits, stack, vocabulary, &bits, most) else { return nil }
                } else {
                    let split = splits.counted(automaton, frame.a, place: frame.b & 15, vocabulary)
                    split.add(to: &bits, room: room, missing: missing)
                    let exits = split.exits(room: room, missing: missing)
                    guard addFollowing(exits, stack, vocabulary, &bits, most) else { return nil }
                }
            default: others.append(stack)
            }
        }
        if !others.isEmpty {
            let rest = self.state(StackClosure.Result(stacks: others, isAccepting: false))
            guard walk(vocabulary, from: 0, to: vocabulary.bytes.count, rest, &bits, most) else { return nil }
        }
        return TokenMask(bits: bits, count: vocabulary.count)
    }

    /// Nothing but an end follows the text, and each trigger has a part that can come: then the text decides by itself.
    private func isOpen(_ text: TextNode, _ stack: Int32) -> Bool {
        below[Int(stack)] == 0 && text.parts.allSatisfy { fits($0, on: stack) }
    }

    /// The tokens that go on behind an automaton's end. False: there was too much work.
    private func addFollowing(
        _ exits: [Int32], _ stack: Int32, _ vocabulary: TokenVocabulary, _ bits: inout [UInt64], _ most: Int
    ) -> Bool {
        guard !exits.isEmpty else { return true }
        var closure = StackClosure(self)
        closure.resume(below[Int(stack)])
        let next = state(closure.run())
        guard next != Self.dead, !stacks(of: next).isEmpty else { return true }
        return exits.allSatisfy { walk(vocabulary, from: Int($0) + 1, to: Int(vocabulary.ends[Int($0)]), next, &bits, most) }
    }

    /// The tokens that complete a trigger of free text and go on behind it. False: there was too much work.
    private func addTriggered(
        _ split: TokenSplit, _ stack: Int32, _ vocabulary: TokenVocabulary, _ bits: inout [UInt64], _ most: Int
    ) -> Bool {
        let frame = frames[Int(stack)]
        guard case .text(let text) = grammar.bodies[Int(frame.node)] else { return true }
        for exit in split.exits {
            // Which trigger ended here is found again by reading the node's bytes.
            let state = Int(exit)
            guard let label = label(of: text.automaton, frame.a, node: state, vocabulary), label > 0 else { continue }
            var closure = StackClosure(self)
            closure.begin(text, trigger: Int(label - 1), frame.node, on: below[Int(stack)])
            let next = self.state(closure.run())
            if next != Self.dead {
                guard walk(vocabulary, from: state + 1, to: Int(vocabulary.ends[state]), next, &bits, most) else { return false }
            }
        }
        return true
    }

    private func label(of automaton: ByteAutomaton, _ state: Int32, node: Int, _ vocabulary: TokenVocabulary) -> UInt64? {
        // Any token of the subtree begins with the bytes that lead to the node.
        let place = Int(vocabulary.tokenStarts[node])
        guard place < vocabulary.tokens.count else { return nil }
        var state = state
        for byte in vocabulary.spelling(vocabulary.tokens[place]).prefix(Int(vocabulary.heights[node])) {
            state = automaton.next(state, byte)
            if state < 0 { return nil }
        }
        return automaton.labels[Int(state)]
    }

    /// Adds the tokens of some nodes of the tree whose bytes the state can read. False: there was too much work.
    ///
    /// - Parameters:
    ///   - first: a node; the state is the one before its byte.
    ///   - most: the work at which it ends.
    private func walk(
        _ vocabulary: TokenVocabulary, from first: Int, to end: Int, _ state: Int32, _ bits: inout [UInt64], _ most: Int
    ) -> Bool {
        guard first < end else { return true }
        let base = Int(vocabulary.heights[first])
        var path = [Int32](repeating: Self.dead, count: vocabulary.longestToken + 2)
        path[0] = state
        return vocabulary.bytes.withUnsafeBufferPointer { bytes in
            vocabulary.heights.withUnsafeBufferPointer { heights in
                vocabulary.ends.withUnsafeBufferPointer { ends in
                    vocabulary.tokenStarts.withUnsafeBufferPointer { starts in
                        var node = first
                        while node < end {
                            let height = Int(heights[node]) - base
                            let next = next(path[height], bytes[node])
                            if work > most { return false }
                            if next == Self.dead {
                                node = Int(ends[node])
                                continue
                            }
                            path[height + 1] = next
                            for place in starts[node]..<starts[node + 1] {
                                let token = Int(vocabulary.tokens[Int(place)])
                                bits[token / 64] |= 1 << UInt64(token % 64)
                            }
                            node += 1
                        }
                        return true
                    }
                }
            }
        }
    }
}
