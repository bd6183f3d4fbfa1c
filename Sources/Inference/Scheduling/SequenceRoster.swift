/// The sequences that run and those that wait, and the KV blocks that they hold.
///
/// Three decisions are made here, all from the sequences' states and the number of the step, never from a clock:
/// admission (`+Admission`), who gives way when memory is short (`+Preemption`), and in which order those that gave way come
/// back. A sequence that gives way keeps its tokens and gives its blocks up; what is evicted of them meanwhile is computed again
/// later, with the same bits.
///
/// A plain value of the engine thread.
struct SequenceRoster {
    /// In the order of their admission.
    private(set) var active: [RunningSequence] = []
    /// In the order of their tickets; those that gave way have early ones.
    private(set) var waiting: [RunningSequence] = []
    var blocks: KeyValueBlocks
    /// Sequences that may be active at the same time.
    let slots: Int
    /// How often a sequence gave its blocks up.
    private(set) var preemptions = 0
    /// Tokens whose keys and values were computed again for that.
    private(set) var recomputedTokens = 0
    /// Something happened since the last admission, so that a waiting sequence may fit now.
    private var isAdmissionDue = false

    /// After this many steps admission is tried again, even if nothing happened: waiting times grow and promised ends come nearer.
    private static let admissionInterval = 8

    init(slots: Int, blocks: KeyValueBlocks) {
        self.slots = slots
        self.blocks = blocks
    }

    /// Some sequence can make progress: an active one in the next step, or a waiting one after the next admission.
    var isRunnable: Bool { active.contains { !$0.stream.isSaturated } || waiting.contains { !$0.stream.isSaturated } }

    mutating func enqueue(_ sequence: RunningSequence) {
        let place = waiting.firstIndex { sequence.ticket < $0.ticket } ?? waiting.endIndex
        waiting.insert(sequence, at: place)
        isAdmissionDue = true
    }

    /// A stream was read or cancelled.
    mutating func noteWake() { isAdmissionDue = true }

    /// Takes a sequence out that has ended; its blocks become available.
    mutating func remove(_ sequence: RunningSequence) {
        blocks.release(&sequence.table)
        if sequence.isActive {
            active.removeAll { $0 === sequence }
        } else {
            waiting.removeAll { $0 === sequence }
        }
        sequence.isActive = false
        sequence.isEnded = true
        isAdmissionDue = true
    }

    /// Whether `admit` should be called before this step.
    func isAdmissionDue(step: Int) -> Bool {
        guard !waiting.isEmpty else { return false }
        return isAdmissionDue || step % Self.admissionInterval == 0 || !active.contains { !$0.stream.isSaturated }
    }

    mutating func finishAdmission(_ admitted: [RunningSequence]) {
        isAdmissionDue = false
        guard !admitted.isEmpty else { return }
        waiting.removeAll { $0.isActive }
    }

    mutating func activate(_ sequence: RunningSequence) {
        sequence.computed = sequence.table.blocks.count * blocks.blockTokens
        sequence.generatedBefore = sequence.completionCount
        if sequence.gaveWayAt != nil {
            sequence.recomputed = sequence.tokens.count - sequence.computed
            recomputedTokens += max(sequence.lostTokens - sequence.computed, 0)
        }
        sequence.isActive = true
        active.append(sequence)
    }

    /// Makes the sequence wait; its blocks stay cached until their memory is needed.
    mutating func giveWay(_ sequence: RunningSequence, step: Int) {
        blocks.release(&sequence.table)
        sequence.lostTokens = sequence.computed
        sequence.computed = 0
        sequence.isActive = false
        sequence.gaveWayAt = step
        active.removeAll { $0 === sequence }
        enqueue(sequence)
        preemptions += 1
    }

    /// Blocks that the sequence takes within the next steps if it gives a token in each: the rest of its prompt and its answer.
    func growth(of sequence: RunningSequence, steps: Int) -> Int {
        let tokens = sequence.tokens.count + min(sequence.remainingTokens, steps)
        return max(blocks.blockCount(tokens: tokens) - sequence.table.blocks.count, 0)
    }

    /// Blocks of an equal share of the memory among those that run and those that wait and could run beside them.
    var fairShare: Int {
        let sequences = min(active.count + waiting.count { !$0.stream.isSaturated }, slots)
        return blocks.pool.capacity / max(sequences, 1)
    }
}
