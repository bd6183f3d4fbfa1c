import Synchronization

/// A grammar over the tokens of a vocabulary: which may come next, and what is known of that already.
///
/// Rows of one grammar share what was computed. Any thread; a lock guards the machine, for microseconds mostly.
public final class GrammarMatcher: Sendable {
    public let grammar: Grammar
    public let vocabulary: TokenVocabulary
    private let storage: Mutex<Storage>

    private struct Storage: ~Copyable {
        var machine: Machine
        /// Rises when the machine is emptied: numbers of states from before mean nothing.
        var epoch = 0
        var masks: [Int32: (mask: TokenMask, used: Int)] = [:]
        var forced: [Int32: [UInt8]] = [:]
        /// Short ends by state; nil where there is none.
        var closings: [Int32: [Int32]?] = [:]
        /// Of the grammar's nodes, once they are asked for.
        var lengths: ShortestLengths?
        var splits = SplitCache()
        /// Of the masks and forced stretches.
        var memory = 0
        var closingMemory = 0
        var clock = 0
        /// Masks that cost too much.
        var dearMasks = 0

        var bytes: Int { machine.bytes + memory + closingMemory + splits.memory }
    }

    public init(_ grammar: Grammar, _ vocabulary: TokenVocabulary) {
        self.grammar = grammar
        self.vocabulary = vocabulary
        storage = Mutex(Storage(machine: Machine(grammar)))
    }

    /// Before the first token.
    public var start: GrammarState { GrammarState(self) }

    /// Memory of what is kept, roughly.
    public var memory: Int { storage.withLock { $0.bytes } }

    // MARK: For states

    struct Position {
        var state: Int32
        var epoch: Int
    }

    /// The position after some tokens; nil where they break the grammar.
    func position(after tokens: [Int32]) -> Position? {
        storage.withLock { storage in
            guard let state = walk(storage.machine, tokens) else { return nil }
            return Position(state: state, epoch: storage.epoch)
        }
    }

    private func walk(_ machine: Machine, _ tokens: [Int32]) -> Int32? {
        var state = machine.start
        for token in tokens {
            guard let next = step(machine, state, token) else { return nil }
            state = next
        }
        return state
    }

    private func step(_ machine: Machine, _ state: Int32, _ token: Int32) -> Int32? {
        let bytes = vocabulary.spelling(token)
        return bytes.isEmpty ? nil : machine.walk(bytes, from: state)
    }

    /// Runs with the state's number as it is now.
    private func at<Value>(_ state: inout GrammarState, _ body: (inout Storage, Int32) -> Value) -> Value? {
        storage.withLock { storage -> Value? in
            forgetIfFull(&storage)
            if state.position.epoch != storage.epoch {
                guard let again = walk(storage.machine, state.tokens) else { return nil }
                state.position = Position(state: again, epoch: storage.epoch)
            }
            return body(&storage, state.position.state)
        }
    }

    private func forgetIfFull(_ storage: inout Storage) {
        guard storage.bytes > grammar.limits.machineBytes else { return }
        storage.machine = Machine(grammar)
        storage.epoch += 1
        storage.masks = [:]
        storage.forced = [:]
        storage.closings = [:]
        storage.closingMemory = 0
        storage.splits = SplitCache()
        storage.memory = 0
    }

    func mask(_ state: inout GrammarState) -> TokenMask? {
        at(&state) { storage, number -> TokenMask? in
            storage.clock += 1
            if let known = storage.masks[number] {
                storage.masks[number]?.used = storage.clock
                return known.mask
            }
            guard storage.dearMasks < Self.mostDearMasks else { return nil }
            guard let mask = storage.machine.mask(of: number, vocabulary, &storage.splits) else {
                storage.dearMasks += 1
                return nil
            }
            dropOldMasks(&storage)
            storage.masks[number] = (mask, storage.clock)
            storage.memory += mask.memory
            return mask
        } ?? nil
    }

    /// After as many masks that cost too much no other is tried.
    private static let mostDearMasks = 3

    private static let keptMasks = 1_024

    /// Forgets the half that was used longest ago.
    private func dropOldMasks(_ storage: inout Storage) {
        guard storage.masks.count >= Self.keptMasks else { return }
        let middle = storage.masks.values.map(\.used).sorted()[Self.keptMasks / 2]
        storage.masks = storage.masks.filter { $0.value.used > middle }
        storage.memory = storage.masks.values.reduce(0) { $0 + $1.mask.memory }
    }

    func allows(_ state: inout GrammarState, _ token: Int32) -> Bool {
        at(&state) { storage, number in step(storage.machine, number, token) != nil } ?? false
    }

    /// False, and nothing changes, where the token may not come.
    func advance(_ state: inout GrammarState, _ token: Int32) -> Bool {
        let next = at(&state) { storage, number in step(storage.machine, number, token) }
        guard let next, let next else { return false }
        state.position.state = next
        state.tokens.append(token)
        return true
    }

    func condition(_ state: inout GrammarState) -> (isAccepting: Bool, goesOn: Bool)? {
        at(&state) { storage, number in
            (storage.machine.isAccepting(number), !storage.machine.stacks(of: number).isEmpty)
        }
    }

    func forcedBytes(_ state: inout GrammarState, most: Int) -> [UInt8] {
        at(&state) { storage, number in
            if let known = storage.forced[number] { return Array(known.prefix(most)) }
            var bytes: [UInt8] = []
            var place = number
            while bytes.count < most, let byte = storage.machine.forcedByte(place) {
                bytes.append(byte)
                place = storage.machine.next(place, byte)
            }
            if bytes.count < most {
                storage.forced[number] = bytes
                storage.memory += bytes.count + 64
            }
            return bytes
        } ?? []
    }

    /// The tokens of a short text that leads to the end, from a state or from the one behind a token.
    func closing(_ state: inout GrammarState, after token: Int32? = nil) -> [Int32]? {
        at(&state) { storage, number -> [Int32]? in
            var place = number
            if let token {
                guard let next = step(storage.machine, number, token) else { return nil }
                place = next
            }
            return closing(&storage, place)
        } ?? nil
    }

    private func closing(_ storage: inout Storage, _ number: Int32) -> [Int32]? {
        if let known = storage.closings[number] { return known }
        let lengths = storage.lengths ?? ShortestLengths(grammar)
        storage.lengths = lengths
        var tokens: [Int32]?
        if let text = ClosingText.find(storage.machine, number, lengths) {
            let found = vocabulary.longestTokens(of: text)
            if found.reduce(0, { $0 + vocabulary.spelling($1).count }) == text.count { tokens = found }
        }
        storage.closings[number] = .some(tokens)
        storage.closingMemory += (tokens?.count ?? 0) * 4 + 96
        return tokens
    }
}

/// Where an answer is in a grammar. A copy keeps its place.
public struct GrammarState: Sendable {
    public let matcher: GrammarMatcher
    fileprivate var position: GrammarMatcher.Position
    /// That came so far: the place is found again by them when the matcher has forgotten it.
    fileprivate var tokens: [Int32] = []

    fileprivate init(_ matcher: GrammarMatcher) {
        self.matcher = matcher
        guard let start = matcher.position(after: []) else { preconditionFailure("no tokens break no grammar") }
        position = start
    }

    /// The tokens that may come next, the end of the answer apart. nil: the grammar is so ambiguous that this would cost too much; then
    /// `allows` tells of single tokens.
    ///
    /// Cost: a look-up for a state that was met before; otherwise tens to hundreds of microseconds.
    public mutating func mask() -> TokenMask? { matcher.mask(&self) }

    /// Whether a token may come next.
    public func allows(_ token: Int32) -> Bool {
        var copy = self
        return matcher.allows(&copy, token)
    }

    /// Takes a token. False, and nothing changes, where it may not come.
    public mutating func advance(_ token: Int32) -> Bool { matcher.advance(&self, token) }

    /// The answer may end here.
    public mutating func isAccepting() -> Bool { matcher.condition(&self)?.isAccepting ?? false }

    /// The answer must end here.
    public mutating func isComplete() -> Bool {
        guard let condition = matcher.condition(&self) else { return false }
        return condition.isAccepting && !condition.goesOn
    }

    /// The bytes that must come next, as far as there is no choice.
    public mutating func forcedBytes(most: Int) -> [UInt8] { matcher.forcedBytes(&self, most: most) }

    /// The tokens of a short text with which the answer can end here; none where it may end as it is. nil: there is no short one.
    ///
    /// Cost: a look-up for a state that was met before; otherwise some microseconds.
    public mutating func closing() -> [Int32]? { matcher.closing(&self) }

    /// What must come instead of a token so that the answer ends within some tokens: the rest of the answer, possibly none.
    ///
    /// nil: the token leaves enough of them, or they are too few already.
    ///
    /// - Parameter remaining: tokens that may still come, this one included.
    public mutating func closing(insteadOf token: Int32, remaining: Int) -> [Int32]? {
        guard let closing = closing(), closing.count <= remaining else { return nil }
        if let after = matcher.closing(&self, after: token), after.count < remaining { return nil }
        return closing
    }
}

extension TokenMask {
    /// Leaves the logits of its tokens and of `more`, and sets all others to `-infinity`.
    public func restrict(_ logits: UnsafeMutableBufferPointer<Float>, more: [Int32]) { apply(to: logits, more: more) }
}
