public import Models
public import Tensors

extension ExistingAdapter {
    /// The adapter as tuning computes it, for measurements. Errors: `noMemory`, `invalidSetting`; what is wrong with its weights.
    /// Cost: one read of the file, and gradients' memory, which stays unused.
    public func adapter(on weights: DecoderWeights, pool: WorkerPool) throws(TuningError) -> TrainableAdapter {
        let shared = try shared(weights.configuration)
        let adapter: TrainableAdapter
        do throws(ModelError) {
            adapter = try TrainableAdapter(weights.configuration, recipe.forms(weights.configuration, shared))
        } catch {
            throw TuningError(error.code == .noMemory ? .noMemory : .invalidSetting, error.message, file: folder)
        }
        try fill(adapter)
        adapter.parametersChanged(weights, pool: pool)
        return adapter
    }
}
