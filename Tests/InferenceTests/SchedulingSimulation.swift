import Generation

@testable import Inference

/// The engine without a model: the same roster and scheduler, and a step that costs what its rows cost by a fixed model of time.
struct SchedulingSimulation {
    struct Outcome {
        var name: String
        var submitted: Double
        var finished: Double
        var tokens: Int
    }

    private(set) var roster: SequenceRoster
    private(set) var step = 0
    /// Milliseconds of the fixed model.
    private(set) var time = 0.0
    private(set) var outcomes: [Outcome] = []
    private var submitted: [String: Double] = [:]
    private var tickets: UInt64 = 0
    private let capacity: Int
    private var plan = RowSchedule()
    private static let blockTokens = 16

    init(blocks: Int, slots: Int = 32) {
        capacity = blocks * Self.blockTokens
        roster = SequenceRoster(slots: slots, blocks: KeyValueBlocks(blocks: blocks, blockTokens: Self.blockTokens))
    }

    var isIdle: Bool { roster.active.isEmpty && roster.waiting.isEmpty }

    func outcomes(_ prefix: String) -> [Outcome] { outcomes.filter { $0.name.hasPrefix(prefix) } }

    /// Answers are as long as they may be. No two prompts share a block.
    @discardableResult
    mutating func submit(_ name: String, prompt: Int, answer: Int, stream: GenerationStream = GenerationStream {}) -> RunningSequence {
        tickets += 1
        var request = GenerationRequest(id: name, prompt: .tokens([]), maxTokens: answer)
        request.ignoreEndOfSequence = true
        let tokens = (0..<prompt).map { Int32(tickets) &* 100_000 &+ Int32($0) }
        let prepared = PreparedRequest(
            request: request, stream: stream,
            prompt: PreparedPrompt(tokens: tokens, adapter: nil, effect: .base(), tokenizer: ToyTokenizer(), ends: [], loadMilliseconds: 0), constraint: nil,
            ticket: QueueTicket(tag: tickets, arrival: tickets), submitted: .now)
        let sequence = RunningSequence(
            prepared: prepared, seed: 0, vocabulary: 256, emitter: TextEmitter(ToyTokenizer(), request), tokenLimit: min(prompt + answer, capacity),
            isShort: false)
        submitted[name] = time
        roster.enqueue(sequence)
        return sequence
    }

    mutating func noteWake() { roster.noteWake() }

    /// False when nothing could run.
    @discardableResult
    mutating func run() -> Bool {
        if roster.isAdmissionDue(step: step) {
            for sequence in roster.admit(step: step) { sequence.hasStarted = true }
        }
        var sequences = planned()
        for sequence in sequences where sequence.isActive {
            _ = roster.grow(sequence, tokens: sequence.computed + sequence.planned, step: step)
        }
        sequences.removeAll { !$0.isActive }
        guard !sequences.isEmpty else { return false }
        step += 1
        let reads = sequences.contains { $0.planned > 1 }
        time += 2 + (reads ? 0.23 : 0.33) * Double(sequences.reduce(0) { $0 + $1.planned })
        for sequence in sequences { compute(sequence) }
        return true
    }

    private mutating func planned() -> [RunningSequence] {
        let states = roster.active.map {
            SequenceState(pendingTokens: $0.pendingTokens, isHeld: $0.stream.isSaturated, isReturning: $0.isReturning)
        }
        let isDecoding = states.contains { !$0.isHeld && $0.pendingTokens == 1 }
        let budget: Scheduler.Budget =
            isDecoding ? .init(rows: 208, returningRows: max(56, states.count + 16)) : .init(rows: 256, returningRows: 256)
        Scheduler().plan(states, budget: budget, step: step, into: &plan)
        return plan.parts.map { part in
            roster.active[part.index].planned = part.tokens
            return roster.active[part.index]
        }
    }

    private mutating func compute(_ sequence: RunningSequence) {
        let wantsToken = sequence.wantsToken
        sequence.computed += sequence.planned
        roster.blocks.cacheFullBlocks(of: &sequence.table, tokens: sequence.tokens, computed: sequence.computed)
        guard wantsToken else { return }
        if sequence.firstToken == nil { sequence.firstToken = .now }
        if sequence.remainingTokens > 0 {
            sequence.append((sequence.tokens.first ?? 0) + Int32(sequence.tokens.count))
            sequence.stream.send(.delta(text: "", logprobs: []))
        }
        guard sequence.remainingTokens == 0 else { return }
        let name = sequence.request.id
        outcomes.append(
            Outcome(name: name, submitted: submitted[name] ?? 0, finished: time, tokens: sequence.completionCount))
        roster.remove(sequence)
    }
}

extension [SchedulingSimulation.Outcome] {
    /// The longest time from arrival to end.
    var worst: Double { map { $0.finished - $0.submitted }.max() ?? 0 }
}
