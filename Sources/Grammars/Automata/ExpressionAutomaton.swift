/// A nondeterministic byte automaton with empty moves, which expressions are added to.
///
/// Built from the end: each part is given the state that follows it.
struct ExpressionAutomaton {
    enum Move {
        /// Two empty moves.
        case split(Int32, Int32)
        case byte(ClosedRange<UInt8>, Int32)
        /// A match, with its label.
        case accept(UInt64)
        case start(Int32)
        case end(Int32)
        /// Not known yet, or never.
        case none
    }

    private struct ByteKey: Hashable {
        var low: UInt8
        var high: UInt8
        var next: Int32
    }

    private(set) var moves: [Move] = []
    /// Where each added expression begins.
    private(set) var starts: [Int32] = []
    private let encoding: ScalarEncoding
    private let limit: Int
    /// Equal ends of characters are shared: a class of letters has hundreds of ranges.
    private var known: [ByteKey: Int32] = [:]

    init(_ encoding: ScalarEncoding, limits: GrammarLimits) {
        self.encoding = encoding
        limit = limits.expressionStates
    }

    mutating func add(_ expression: Expression, label: UInt64 = 1) throws(GrammarError) {
        let accept = try add(.accept(label))
        starts.append(try compile(expression, accept))
    }

    private mutating func add(_ move: Move) throws(GrammarError) -> Int32 {
        guard moves.count < limit else {
            throw GrammarError(.tooComplex, "the regular expression has more than \(limit) states; use smaller numbers of repetitions")
        }
        moves.append(move)
        return Int32(moves.count - 1)
    }

    private mutating func byte(_ range: ClosedRange<UInt8>, _ next: Int32) throws(GrammarError) -> Int32 {
        let key = ByteKey(low: range.lowerBound, high: range.upperBound, next: next)
        if let state = known[key] { return state }
        let state = try add(.byte(range, next))
        known[key] = state
        return state
    }

    /// The recursion is as deep as the expression, which its parser limits.
    private mutating func compile(_ expression: Expression, _ next: Int32) throws(GrammarError) -> Int32 {
        switch expression {
        case .empty: return next
        case .byte(let range): return try byte(range, next)
        case .scalars(let set):
            var start: Int32?
            for run in set.byteRuns(encoding) {
                var state = next
                for range in run.reversed() { state = try byte(range, state) }
                if let first = start { start = try add(.split(first, state)) } else { start = state }
            }
            if let start { return start }
            return try add(.none)
        case .sequence(let parts):
            var state = next
            for part in parts.reversed() { state = try compile(part, state) }
            return state
        case .alternative(let parts):
            var start: Int32?
            for part in parts.reversed() {
                let state = try compile(part, next)
                if let rest = start { start = try add(.split(state, rest)) } else { start = state }
            }
            if let start { return start }
            return try add(.none)
        case .repetition(let part, let least, let most):
            var state = next
            if let most {
                for _ in 0..<max(most - least, 0) { state = try add(.split(compile(part, state), next)) }
            } else {
                let loop = try add(.none)
                moves[Int(loop)] = .split(try compile(part, loop), next)
                state = loop
            }
            for _ in 0..<least {
                let before = state
                state = try compile(part, before)
                // A part without any character: more of it changes nothing.
                if state == before { break }
            }
            return state
        case .start: return try add(.start(next))
        case .end: return try add(.end(next))
        }
    }
}
