/// A deterministic automaton over bytes: from each state some text leads to a match.
///
/// States are numbered from 0, the start; -1 is no state. Immutable after it is made.
final class ByteAutomaton: Sendable {
    /// Of each byte: bytes of one class lead to the same states.
    let classes: [UInt8]
    let classCount: Int
    /// `[states, classCount]`
    let table: [Int32]
    /// Of each state: 0 where the text so far is no match, otherwise the bits of what matches.
    let labels: [UInt64]
    /// Made once for the process, so what is known of it for a vocabulary is kept.
    let isShared: Bool

    init(classes: [UInt8], classCount: Int, table: [Int32], labels: [UInt64], isShared: Bool = false) {
        self.classes = classes
        self.classCount = classCount
        self.table = table
        self.labels = labels
        self.isShared = isShared
    }

    var stateCount: Int { labels.count }

    @inline(__always)
    func next(_ state: Int32, _ byte: UInt8) -> Int32 {
        table[Int(state) * classCount + Int(classes[Int(byte)])]
    }

    func isMatch(_ state: Int32) -> Bool { labels[Int(state)] != 0 }

    /// Some byte may follow.
    func goesOn(_ state: Int32) -> Bool {
        let row = Int(state) * classCount
        return table[row..<row + classCount].contains { $0 >= 0 }
    }

    /// The label of a whole text; 0: no match.
    func label(of bytes: some Sequence<UInt8>) -> UInt64 {
        var state: Int32 = 0
        for byte in bytes {
            state = next(state, byte)
            if state < 0 { return 0 }
        }
        return labels[Int(state)]
    }

    /// The same, marked as one for the whole process.
    var shared: ByteAutomaton {
        ByteAutomaton(classes: classes, classCount: classCount, table: table, labels: labels, isShared: true)
    }
}

extension ByteAutomaton {
    /// Removes states from which nothing matches. nil: there is no match at all.
    static func pruned(classes: [UInt8], classCount: Int, table: [Int32], labels: [UInt64]) -> ByteAutomaton? {
        let count = labels.count
        var sources = [[Int32]](repeating: [], count: count)
        for state in 0..<count {
            for place in 0..<classCount {
                let next = table[state * classCount + place]
                if next >= 0 { sources[Int(next)].append(Int32(state)) }
            }
        }
        var isAlive = labels.map { $0 != 0 }
        var pending = labels.indices.filter { labels[$0] != 0 }
        while let state = pending.popLast() {
            for source in sources[state] where !isAlive[Int(source)] {
                isAlive[Int(source)] = true
                pending.append(Int(source))
            }
        }
        guard let first = isAlive.first, first else { return nil }
        var number = [Int32](repeating: -1, count: count)
        var next: Int32 = 0
        for state in 0..<count where isAlive[state] {
            number[state] = next
            next += 1
        }
        var kept: [Int32] = []
        var keptLabels: [UInt64] = []
        for state in 0..<count where isAlive[state] {
            for place in 0..<classCount {
                let target = table[state * classCount + place]
                kept.append(target < 0 ? -1 : number[Int(target)])
            }
            keptLabels.append(labels[state])
        }
        return ByteAutomaton(classes: classes, classCount: classCount, table: kept, labels: keptLabels)
    }
}
