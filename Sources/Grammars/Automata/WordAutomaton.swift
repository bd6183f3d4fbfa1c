extension ByteAutomaton {
    /// The automaton of some byte texts.
    ///
    /// - Parameter label: of the text at an index; equal texts have all labels.
    static func words(_ words: [[UInt8]], label: (Int) -> UInt64 = { _ in 1 }, limits: GrammarLimits) throws(GrammarError) -> ByteAutomaton? {
        var tree = WordTree(most: limits.nodes, "the texts to choose from")
        for (index, word) in words.enumerated() { try tree.add(word) { $0 | label(index) } }
        let (children, labels) = (tree.children, tree.labels)
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
        var tree = WordTree(most: limits.automatonStates, "the triggers")
        // A trigger that begins with another one never comes to its end.
        for (index, trigger) in triggers.enumerated() { try tree.add(trigger, stopsAtLabels: true) { $0 == 0 ? UInt64(index + 1) : $0 } }
        let children = tree.children
        var ends = tree.labels
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

/// Texts by their bytes, from the first on; node 0 is the empty text.
private struct WordTree {
    var children: [[UInt8: Int32]] = [[:]]
    var labels: [UInt64] = [0]
    private let most: Int
    private let what: String

    /// - Parameter what: whose texts they are, for the error.
    init(most: Int, _ what: String) { (self.most, self.what) = (most, what) }

    /// - Parameters:
    ///   - stopsAtLabels: a text ends at the first node that has a label.
    ///   - label: the last node's new label, from its label so far.
    mutating func add(_ word: [UInt8], stopsAtLabels: Bool = false, label: (UInt64) -> UInt64) throws(GrammarError) {
        var node = 0
        for byte in word {
            if stopsAtLabels, labels[node] != 0 { break }
            if let next = children[node][byte] {
                node = Int(next)
                continue
            }
            guard children.count < most else { throw GrammarError(.tooComplex, "\(what) need more than \(most) states") }
            children[node][byte] = Int32(children.count)
            node = children.count
            children.append([:])
            labels.append(0)
        }
        labels[node] = label(labels[node])
    }
}
