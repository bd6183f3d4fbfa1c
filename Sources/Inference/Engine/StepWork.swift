import Models
import Tensors

/// The memory and the measurements of a worker's steps. It is reused from step to step, so a steady step allocates nothing.
struct StepWork {
    var states: [SequenceState] = []
    var plan = RowSchedule()
    /// The sequences that take part, in the order of their rows.
    var sequences: [RunningSequence] = []
    var batch = StepBatch()
    let sampler: StepSampler
    /// `[limits.logitsRows + limits.scoredRows, vocabulary]`, rows `DecoderWeights.logitsStride` apart; pages that no step has used take
    /// no memory.
    let logits: FloatBuffer
    var decodeCost = StepTimeModel.decode
    var prefillCost = StepTimeModel.prefill
    private let allocations: (@Sendable () -> Int)?

    init(base: BaseModel, limits: InferenceLimits, allocations: (@Sendable () -> Int)?) throws(ModelError) {
        let stride = base.decoder.logitsStride
        do throws(ResourceError) {
            logits = try FloatBuffer((limits.logitsRows + limits.scoredRows) * stride, for: "logits")
        } catch {
            throw ModelError(error)
        }
        sampler = StepSampler(
            pool: base.pool, vocabulary: base.decoder.configuration.vocabulary + DecoderWeights.addedTokens, logits: logits.pointer, stride: stride,
            sequences: limits.activeSequences, scoredRows: limits.scoredRows)
        self.allocations = allocations
        states.reserveCapacity(limits.activeSequences)
        plan.parts.reserveCapacity(limits.activeSequences)
        sequences.reserveCapacity(limits.activeSequences)
        batch.runs.reserveCapacity(limits.activeSequences)
        batch.tokens.reserveCapacity(limits.maximumRows)
    }

    /// Allocations of the calling thread so far; 0 without a counter.
    var allocationCount: Int { allocations?() ?? 0 }

    /// Some rows of the step read a prompt.
    var readsPrompts: Bool { plan.parts.last.map { $0.tokens > 1 || states[$0.index].pendingTokens > 1 } ?? false }
}
