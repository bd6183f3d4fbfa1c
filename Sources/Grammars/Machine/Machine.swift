/// Runs a grammar over bytes.
///
/// A state is a set of stacks: all places in the grammar where the text so far can be. Stacks and states are kept once and have numbers, so
/// what follows a state after a byte is computed once and then looked up; going back is keeping an older number. State 0 is dead:
/// no text goes on from there. From every other state some text leads to the end.
///
/// `@unchecked Sendable`: one thread at a time uses it. `GrammarMatcher` keeps it under a lock and hands nothing of it out; elsewhere it is made,
/// used and dropped within one function. `GrammarMatcherTests` runs one matcher on many threads, also under ThreadSanitizer.
final class Machine: @unchecked Sendable {
    static let dead: Int32 = 0
    private static let unknown: Int32 = -1

    let grammar: Grammar

    // Stacks: a frame and the stack below it; number 0 is the bottom.
    var frames: [Frame] = [.bottom]
    var below: [Int32] = [0]
    var heights: [Int32] = [0]
    private var stackNumbers: [StackKey: Int32] = [:]

    // States: their stacks, and whether the text may end.
    private var members: [Int32] = []
    private var memberStarts: [Int32] = [0, 0]
    private var accepting: [Bool] = [false]
    private var stateNumbers: [StateKey: Int32] = [:]
    /// Of each state: what follows it, by byte; nil before the first question.
    private var rows: [UnsafeMutablePointer<Int32>?] = [nil]
    private var rowCount = 0
    /// Stacks that were read a byte, so far: what is not looked up costs this.
    private(set) var work = 0

    /// Members of objects whose order is free: which of them have come.
    var seenSets: [[UInt64]] = [[]]
    var seenNumbers: [[UInt64]: Int32] = [[]: 0]

    private struct StackKey: Hashable {
        var frame: Frame
        var below: Int32
    }

    private struct StateKey: Hashable {
        var stacks: [Int32]
        var isAccepting: Bool
    }

    private(set) var start: Int32 = 0

    init(_ grammar: Grammar) {
        self.grammar = grammar
        var closure = StackClosure(self)
        closure.enter(grammar.root, on: 0)
        start = state(closure.run())
    }

    deinit { for row in rows { row?.deallocate() } }

    /// Roughly the memory of what it has kept.
    var bytes: Int { rowCount * 1024 + frames.count * 100 + members.count * 8 + accepting.count * 120 + seenSets.count * 100 }

    // MARK: Stacks

    func push(_ frame: Frame, on stack: Int32) -> Int32 {
        let key = StackKey(frame: frame, below: stack)
        if let known = stackNumbers[key] { return known }
        let number = Int32(frames.count)
        stackNumbers[key] = number
        frames.append(frame)
        below.append(stack)
        heights.append(heights[Int(stack)] + 1)
        return number
    }

    /// A node may be entered on a stack: it can be completed within the limit of frames.
    func fits(_ node: GrammarNode, on stack: Int32) -> Bool {
        Int(heights[Int(stack)]) + Int(grammar.depths[node.place]) <= grammar.limits.stackDepth
    }

    // MARK: States

    func isAccepting(_ state: Int32) -> Bool { accepting[Int(state)] }

    /// The stacks of a state, which read bytes.
    func stacks(of state: Int32) -> ArraySlice<Int32> {
        members[Int(memberStarts[Int(state)])..<Int(memberStarts[Int(state) + 1])]
    }

    func state(_ found: StackClosure.Result) -> Int32 {
        if found.stacks.isEmpty, !found.isAccepting { return Self.dead }
        let key = StateKey(stacks: found.stacks, isAccepting: found.isAccepting)
        if let known = stateNumbers[key] { return known }
        let number = Int32(accepting.count)
        stateNumbers[key] = number
        members += found.stacks
        memberStarts.append(Int32(members.count))
        accepting.append(found.isAccepting)
        rows.append(nil)
        return number
    }

    /// The state after one more byte.
    @inline(__always)
    func next(_ state: Int32, _ byte: UInt8) -> Int32 {
        if let row = rows[Int(state)] {
            let known = row[Int(byte)]
            if known != Self.unknown { return known }
        }
        return compute(state, byte)
    }

    @inline(never)
    private func compute(_ state: Int32, _ byte: UInt8) -> Int32 {
        let row: UnsafeMutablePointer<Int32>
        if let known = rows[Int(state)] {
            row = known
        } else {
            row = .allocate(capacity: 256)
            row.initialize(repeating: state == Self.dead ? Self.dead : Self.unknown, count: 256)
            rows[Int(state)] = row
            rowCount += 1
        }
        guard state != Self.dead else { return Self.dead }
        var closure = StackClosure(self)
        let stacks = stacks(of: state)
        for stack in stacks { closure.read(byte, stack) }
        // A new state costs about as much as four more stacks.
        work += stacks.count + 4
        let next = self.state(closure.run())
        row[Int(byte)] = next
        return next
    }

    /// nil: the text is not the beginning of one that satisfies the grammar.
    func walk(_ bytes: some Sequence<UInt8>, from state: Int32? = nil) -> Int32? {
        var state = state ?? start
        for byte in bytes {
            state = next(state, byte)
            if state == Self.dead { return nil }
        }
        return state
    }

    /// The only byte that can follow; nil where several can, or where the text may end.
    func forcedByte(_ state: Int32) -> UInt8? {
        guard !isAccepting(state), state != Self.dead else { return nil }
        var forced: UInt8?
        for byte in 0...255 as ClosedRange<UInt8> where next(state, byte) != Self.dead {
            if forced != nil { return nil }
            forced = byte
        }
        return forced
    }
}
