/// A regular expression over module paths, as Python's `re` reads it, in time linear in the path: patterns come from
/// files of unknown origin, and a backtracking matcher can be made to run for years.
///
/// Read: literals, `.`, classes, `\d \w \s \b` and their opposites, groups, alternation, `* + ? {m,n}` (greedy and lazy
/// are the same here: only whether the whole path matches is asked), `^ $ \A \Z`. Refused by name: lookaround,
/// back-references, inline flags, atomic and possessive forms.
///
/// The pattern becomes a program of at most `maximumInstructions`, run over all its states at once (Thompson 1968; Cox,
/// "Regular Expression Matching Can Be Simple And Fast"). Cost: `O(instructions * path bytes)`.
struct ModulePattern: Sendable {
    static let maximumInstructions = 2_000
    static let maximumBytes = 8_192

    enum Instruction: Sendable {
        case byte(ByteSet)
        case split(Int, Int)
        case jump(Int)
        case assertion(PatternNode.Assertion)
        case match
    }

    let source: String
    private let program: [Instruction]

    /// The pattern as `re.fullmatch` takes it. Throws a sentence about what is wrong with it.
    init(_ source: String) throws(PatternError) {
        try self.init(source, PatternParser.parse(source))
    }

    /// A key of `rank_pattern` or `alpha_pattern`: `re.match(r"(.*\.)?(KEY)$", path)`.
    init(suffix key: String) throws(PatternError) {
        let prefix = PatternNode.sequence([.star(.set(.any)), .set(ByteSet("."))])
        try self.init(key, .sequence([.optional(prefix), PatternParser.parse(key)]))
    }

    private init(_ source: String, _ node: PatternNode) throws(PatternError) {
        self.source = source
        var compiler = PatternCompiler(limit: Self.maximumInstructions)
        try compiler.emit(node)
        program = try compiler.finished()
    }

    var instructionCount: Int { program.count }

    /// Whether the whole of `path` matches.
    func matches(_ path: String) -> Bool {
        let bytes = Array(path.utf8)
        var current = StateSet(program.count)
        var next = StateSet(program.count)
        add(0, to: &current, bytes, 0)
        for (position, byte) in bytes.enumerated() {
            if current.states.isEmpty { return false }
            next.removeAll()
            for state in current.states {
                if case .byte(let set) = program[state], set.contains(byte) { add(state + 1, to: &next, bytes, position + 1) }
            }
            swap(&current, &next)
        }
        return current.states.contains { if case .match = program[$0] { true } else { false } }
    }

    /// Adds a state and those that it reaches without reading a byte.
    private func add(_ first: Int, to set: inout StateSet, _ bytes: [UInt8], _ position: Int) {
        var pending = [first]
        while let state = pending.popLast() {
            guard set.insert(state) else { continue }
            switch program[state] {
            case .byte, .match: break
            case .jump(let target): pending.append(target)
            case .split(let one, let other):
                pending.append(other)
                pending.append(one)
            case .assertion(let assertion):
                if assertion.holds(in: bytes, at: position) { pending.append(state + 1) }
            }
        }
    }

    /// States in order of arrival, each once.
    private struct StateSet {
        private(set) var states: [Int] = []
        private var member: [Bool]

        init(_ count: Int) { member = [Bool](repeating: false, count: count) }

        mutating func insert(_ state: Int) -> Bool {
            guard !member[state] else { return false }
            member[state] = true
            states.append(state)
            return true
        }

        mutating func removeAll() {
            for state in states { member[state] = false }
            states.removeAll(keepingCapacity: true)
        }
    }
}

/// What is wrong with a pattern; a sentence for a person.
struct PatternError: Error, Equatable {
    var message: String
    init(_ message: String) { self.message = message }
}

/// Turns a tree into a program. Repetitions are written out; the work is bounded, however they nest.
private struct PatternCompiler {
    private let limit: Int
    private var program: [ModulePattern.Instruction] = []
    private var work = 0

    init(limit: Int) { self.limit = limit }

    mutating func finished() throws(PatternError) -> [ModulePattern.Instruction] {
        try append(.match)
        return program
    }

    mutating func emit(_ node: PatternNode) throws(PatternError) {
        work += 1
        if work > 10 * limit { throw tooLarge }
        switch node {
        case .set(let set): try append(.byte(set))
        case .assertion(let assertion): try append(.assertion(assertion))
        case .sequence(let nodes): for node in nodes { try emit(node) }
        case .choice(let nodes): try emitChoice(nodes)
        case .repeated(let body, let minimum, let maximum):
            for _ in 0..<minimum { try emit(body) }
            if let maximum {
                for _ in minimum..<maximum { try emitOptional(body) }
            } else {
                try emitStar(body)
            }
        }
    }

    private mutating func emitOptional(_ body: PatternNode) throws(PatternError) {
        let split = try append(.match)
        try emit(body)
        program[split] = .split(split + 1, program.count)
    }

    private mutating func emitStar(_ body: PatternNode) throws(PatternError) {
        let split = try append(.match)
        try emit(body)
        try append(.jump(split))
        program[split] = .split(split + 1, program.count)
    }

    private mutating func emitChoice(_ nodes: [PatternNode]) throws(PatternError) {
        var ends: [Int] = []
        for node in nodes.dropLast() {
            let split = try append(.match)
            try emit(node)
            ends.append(try append(.match))
            program[split] = .split(split + 1, program.count)
        }
        if let last = nodes.last { try emit(last) }
        for end in ends { program[end] = .jump(program.count) }
    }

    /// Answers the instruction's place.
    @discardableResult
    private mutating func append(_ instruction: ModulePattern.Instruction) throws(PatternError) -> Int {
        if program.count >= limit { throw tooLarge }
        program.append(instruction)
        return program.count - 1
    }

    private var tooLarge: PatternError {
        PatternError("the pattern is too large: written out it has more than \(limit) steps")
    }
}
