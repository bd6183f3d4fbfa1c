extension ByteAutomaton {
    /// Runs two automata side by side. Either may have died (-1); `label` combines what they say, 0 for no match.
    ///
    /// - Parameter goesOn: whether a pair of states, one of which may be -1, is followed further.
    /// - Returns: nil where nothing matches.
    static func product(
        _ left: ByteAutomaton, _ right: ByteAutomaton, limits: GrammarLimits, deadline: Deadline,
        goesOn: (Int32, Int32) -> Bool, label: (UInt64, UInt64) -> UInt64
    ) throws(GrammarError) -> ByteAutomaton? {
        let classes = JointClasses(left, right)
        var pairs: [(Int32, Int32)] = [(0, 0)]
        var numbers: [UInt64: Int32] = [0: 0]
        var table: [Int32] = []
        var labels: [UInt64] = []
        var done = 0
        while done < pairs.count {
            if done & 255 == 0 { try deadline.check() }
            let (a, b) = pairs[done]
            labels.append(label(a < 0 ? 0 : left.labels[Int(a)], b < 0 ? 0 : right.labels[Int(b)]))
            for byte in classes.representatives {
                let next = (a < 0 ? -1 : left.next(a, byte), b < 0 ? -1 : right.next(b, byte))
                guard goesOn(next.0, next.1) else {
                    table.append(-1)
                    continue
                }
                let key = UInt64(UInt32(bitPattern: next.0)) << 32 | UInt64(UInt32(bitPattern: next.1))
                if let known = numbers[key] {
                    table.append(known)
                    continue
                }
                guard pairs.count < limits.automatonStates else {
                    throw GrammarError(.tooComplex, "two conditions on one text together need more than \(limits.automatonStates) states")
                }
                numbers[key] = Int32(pairs.count)
                table.append(Int32(pairs.count))
                pairs.append(next)
            }
            done += 1
        }
        return .pruned(classes: classes.classes, classCount: classes.representatives.count, table: table, labels: labels)
    }

    /// What both match.
    func intersection(_ other: ByteAutomaton, limits: GrammarLimits, deadline: Deadline) throws(GrammarError) -> ByteAutomaton? {
        try Self.product(self, other, limits: limits, deadline: deadline) { $0 >= 0 && $1 >= 0 } label: { $0 != 0 && $1 != 0 ? $0 : 0 }
    }

    /// What this matches and the other does not.
    func subtracting(_ other: ByteAutomaton, limits: GrammarLimits, deadline: Deadline) throws(GrammarError) -> ByteAutomaton? {
        try Self.product(self, other, limits: limits, deadline: deadline) { left, _ in left >= 0 } label: { $1 != 0 ? 0 : $0 }
    }

    /// What either matches.
    func union(_ other: ByteAutomaton, limits: GrammarLimits, deadline: Deadline) throws(GrammarError) -> ByteAutomaton? {
        try Self.product(self, other, limits: limits, deadline: deadline) { $0 >= 0 || $1 >= 0 } label: { $0 | $1 }
    }
}

/// Classes of bytes that two automata both keep together.
private struct JointClasses {
    var classes: [UInt8] = []
    /// A byte of each class.
    var representatives: [UInt8] = []

    init(_ left: ByteAutomaton, _ right: ByteAutomaton) {
        var numbers: [UInt16: UInt8] = [:]
        for byte in 0...255 as ClosedRange<UInt8> {
            let key = UInt16(left.classes[Int(byte)]) << 8 | UInt16(right.classes[Int(byte)])
            if let known = numbers[key] {
                classes.append(known)
            } else {
                let next = UInt8(representatives.count)
                numbers[key] = next
                classes.append(next)
                representatives.append(byte)
            }
        }
    }
}
