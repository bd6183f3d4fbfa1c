extension ByteAutomaton {
    /// The automaton of some byte texts.
    ///
    /// - Parameter label: of the text at an index; equal texts have all labels.
    static func words(_ words: [[UInt8]], label: (Int) -> UInt64 = { _ in 1 }, limits: GrammarLimits) throws(GrammarError) -> ByteAutomaton? {
        var children: [[UInt8: Int32]] = [[:]]
        var labels: [UInt64] = [0]
        for (index, word) in words.enumerated() {
            var node: Int32 = 0
            for byte in word {
                if let next = children[Int(node)][byte] {
                    node = next
                    continue
                }
                guard children.count < limits.nodes else {
                    throw GrammarError(.tooComplex, "the texts to choose from need more than \(limits.nodes) states")
                }
                let next = Int32(children.count)
                children[Int(node)][byte] = next
                children.append([:])
                labels.append(0)
                node = next
            }
            labels[Int(node)] |= label(index)
        }
        let (classes, count) = classes(of: children)
        var table = [Int32](repeating: -1, count: children.count * count)
        for (node, edges) in children.enumerated() {
            for (byte, next) in edges { table[node * count + Int(classes[Int(byte)])] = next }
        }
        return .pruned(classes: classes, classCount: count, table: table, labels: labels)
    }

    /// Each byte that occurs is a class of its own; the last class is all others.
    private static func classes(of children: [[UInt8: Int32]]) -> ([UInt8], Int) {
        var occurs = [Bool](repeating: false, count: 256)
        for edges in children { for byte in edges.keys { occurs[Int(byte)] = true } }
        var classes = [UInt8](repeating: 0, count: 256)
        var count = 0
        for byte in 0..<256 where occurs[byte] {
            classes[byte] = UInt8(count)
            count += 1
        }
        guard count < 256 else { return (classes, count) }
        for byte in 0..<256 where !occurs[byte] { classes[byte] = UInt8(count) }
        return (classes, count + 1)
    }

    /// Any bytes up to the first trigger. Each trigger's label is its index plus one; other states have none, and nothing follows a
    /// trigger. The byte 0xFF only occurs in triggers.
    static func text(until triggers: [[UInt8]], limits: GrammarLimits) throws(GrammarError) -> ByteAutomaton {
        var children: [[UInt8: Int32]] = [[:]]
        var ends: [UInt64] = [0]
        for (index, trigger) in triggers.enumerated() {
            var node: Int32 = 0
            for byte in trigger {
                if ends[Int(node)] != 0 { break }
                if let next = children[Int(node)][byte] {
                    node = next
                    continue
                }
                guard children.count < limits.automatonStates else {
                    throw GrammarError(.tooComplex, "the triggers need more than \(limits.automatonStates) states")
                }
                let next = Int32(children.count)
                children[Int(node)][byte] = next
                children.append([:])
                ends.append(0)
                node = next
            }
            if ends[Int(node)] == 0 { ends[Int(node)] = UInt64(index + 1) }
        }
        // Breadth first: where a mismatch falls back to is complete before it is needed (Aho and Corasick, 1975).
        let (classes, count) = classes(of: children + [[0xFF: 0]])
        var table = [Int32](repeating: 0, count: children.count * count)
        var fallback = [Int32](repeating: 0, count: children.count)
        var queue: [Int32] = [0]
        var done = 0
        while done < queue.count {
            let node = queue[done]
            done += 1
            for byte in 0...255 as ClosedRange<UInt8> {
                let place = Int(node) * count + Int(classes[Int(byte)])
                let atRoot: Int32 = byte == 0xFF ? -1 : 0
                let back = node == 0 ? atRoot : table[Int(fallback[Int(node)]) * count + Int(classes[Int(byte)])]
                if let child = children[Int(node)][byte] {
                    table[place] = child
                    fallback[Int(child)] = node == 0 ? 0 : max(back, 0)
                    if ends[Int(child)] == 0, ends[Int(fallback[Int(child)])] != 0 {
                        ends[Int(child)] = ends[Int(fallback[Int(child)])]
                    }
                    queue.append(child)
                } else {
                    table[place] = back
                }
            }
        }
        for (node, end) in ends.enumerated() where end != 0 {
            for place in 0..<count { table[node * count + place] = -1 }
        }
        return ByteAutomaton(classes: classes, classCount: count, table: table, labels: ends)
    }
}
