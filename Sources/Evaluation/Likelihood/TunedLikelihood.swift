public import Models
public import Tensors
public import Tuning

/// Log-probabilities as tuning computes them: the held-out loss that they give is the one that `lmoe tune` reports.
///
/// Isolation: one thread at a time.
public final class TunedLikelihood {
    private let workspace: TrainingWorkspace
    private static let standardRows = 1024

    /// - Parameter longest: tokens of the longest sequence.
    /// Errors: `noMemory`.
    public init(_ weights: DecoderWeights, pool: WorkerPool, longest: Int) throws(EvaluationError) {
        do throws(ModelError) {
            // There is no way back that would need activations.
            workspace = try TrainingWorkspace(
                weights, pool: pool, maximumRows: max(longest, Self.standardRows), recomputes: true)
        } catch {
            throw EvaluationError(.noMemory, error.message)
        }
    }

    /// For each sequence the natural logarithms of its targets' probabilities.
    ///
    /// - Parameters:
    ///   - sequences: each with at least two tokens.
    ///   - adapter: nil: the base.
    ///   - advanced: told how many sequences are done.
    /// Errors: `noMemory`.
    public func logarithms(
        _ sequences: [TrainingSequence], adapter: TrainableAdapter?, advanced: (Int) -> Void
    ) throws(EvaluationError) -> [[Float]] {
        var logarithms: [[Float]] = []
        var batch = TrainingBatch(runs: [])
        func compute() throws(EvaluationError) {
            guard !batch.runs.isEmpty else { return }
            do throws(ModelError) {
                logarithms += try workspace.forward(batch, differentiates: false)
            } catch {
                throw EvaluationError(.noMemory, error.message)
            }
            batch = TrainingBatch(runs: [])
            advanced(logarithms.count)
        }
        for sequence in sequences {
            let run = TrainingBatch.Run(tokens: sequence.tokens, isTarget: sequence.isTarget, adapter: adapter)
            if batch.rows + run.rows > workspace.maximumRows { try compute() }
            batch.runs.append(run)
        }
        try compute()
        return logarithms
    }
}
