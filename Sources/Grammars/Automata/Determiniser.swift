/// Makes an expression automaton deterministic, by the construction of subsets.
struct Determiniser {
    private let moves: [ExpressionAutomaton.Move]
    private let starts: [Int32]
    private let limits: GrammarLimits
    private let deadline: Deadline
    private var stamps: [Int32]
    private var stamp: Int32 = 0

    init(_ automaton: ExpressionAutomaton, limits: GrammarLimits, deadline: Deadline) {
        moves = automaton.moves
        starts = automaton.starts
        self.limits = limits
        self.deadline = deadline
        stamps = [Int32](repeating: 0, count: automaton.moves.count)
    }

    /// nil: nothing matches.
    mutating func run() throws(GrammarError) -> ByteAutomaton? {
        let (classes, classCount) = byteClasses()
        var sets: [[Int32]] = []
        var numbers: [[Int32]: Int32] = [:]
        var table: [Int32] = []
        var labels: [UInt64] = []
        func number(_ set: [Int32]) throws(GrammarError) -> Int32 {
            if let known = numbers[set] { return known }
            guard sets.count < limits.automatonStates else {
                throw GrammarError(.tooComplex, "the regular expression needs more than \(limits.automatonStates) states")
            }
            let next = Int32(sets.count)
            numbers[set] = next
            sets.append(set)
            return next
        }
        _ = try number(closure(starts, atStart: true))
        var targets = [[Int32]](repeating: [], count: classCount)
        var done = 0
        while done < sets.count {
            if done & 63 == 0 { try deadline.check() }
            let set = sets[done]
            labels.append(label(set))
            for place in 0..<classCount { targets[place].removeAll(keepingCapacity: true) }
            for state in set {
                guard case .byte(let range, let next) = moves[Int(state)] else { continue }
                for place in classes[Int(range.lowerBound)]...classes[Int(range.upperBound)] { targets[Int(place)].append(next) }
            }
            for place in 0..<classCount {
                table.append(targets[place].isEmpty ? -1 : try number(closure(targets[place], atStart: false)))
            }
            done += 1
        }
        return .pruned(classes: classes, classCount: classCount, table: table, labels: labels)
    }

    /// Classes are runs of neighbouring bytes: they rise with the byte.
    private func byteClasses() -> (classes: [UInt8], count: Int) {
        var begins = [Bool](repeating: false, count: 257)
        for move in moves {
            guard case .byte(let range, _) = move else { continue }
            begins[Int(range.lowerBound)] = true
            begins[Int(range.upperBound) + 1] = true
        }
        var classes: [UInt8] = []
        var current: UInt8 = 0
        for byte in 0..<256 {
            if byte > 0, begins[byte] { current += 1 }
            classes.append(current)
        }
        return (classes, Int(current) + 1)
    }

    /// The states that read a byte, match, or wait for the text's end.
    private mutating func closure(_ states: [Int32], atStart: Bool) -> [Int32] {
        stamp += 1
        var pending = states
        var kept: [Int32] = []
        while let state = pending.popLast() {
            guard stamps[Int(state)] != stamp else { continue }
            stamps[Int(state)] = stamp
            switch moves[Int(state)] {
            case .split(let first, let second): pending += [second, first]
            case .start(let next): if atStart { pending.append(next) }
            case .byte, .accept, .end: kept.append(state)
            case .none: break
            }
        }
        return kept.sorted()
    }

    /// What matches when the text ends here.
    private mutating func label(_ set: [Int32]) -> UInt64 {
        var label: UInt64 = 0
        var pending = set
        stamp += 1
        while let state = pending.popLast() {
            guard stamps[Int(state)] != stamp else { continue }
            stamps[Int(state)] = stamp
            switch moves[Int(state)] {
            case .accept(let own): label |= own
            case .end(let next): pending.append(next)
            // Only behind an end: elsewhere the closure has followed them.
            case .split(let first, let second): pending += [first, second]
            case .start, .byte, .none: break
            }
        }
        return label
    }
}

/// When compiling must be done.
struct Deadline: Sendable {
    private let end: ContinuousClock.Instant
    private let limit: Duration

    init(_ limits: GrammarLimits) {
        limit = limits.compileTime
        end = .now + limits.compileTime
    }

    func check() throws(GrammarError) {
        guard .now < end else { throw GrammarError(.tooComplex, "compiling takes longer than \(limit / .milliseconds(1)) ms") }
        guard !Task.isCancelled else { throw GrammarError(.tooComplex, "compiling was cancelled") }
    }
}
