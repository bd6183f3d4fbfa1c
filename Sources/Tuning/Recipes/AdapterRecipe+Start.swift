import Models
import Tensors

extension AdapterRecipe {
    /// Sets the parameters with which PEFT starts: A uniform in `±1 / sqrt(inputs)` (Kaiming with a = sqrt(5)), B zero, DoRA's magnitudes
    /// the norms of the base's rows, IA³'s factors 1, VeRA's d `initialRankFactor` and lambda zero. A's numbers follow from seed and place
    /// alone, so a map starts alike whatever others are trained.
    func initialise(_ adapter: TrainableAdapter, _ weights: DecoderWeights) {
        for tensor in adapter.tensors {
            let values = adapter.values(tensor)
            switch tensor.kind {
            case .a:
                let bound = 1 / Float(tensor.columns).squareRoot()
                let stream = UInt64(tensor.place.layer) << 8 | UInt64(tensor.place.projection.rawValue + 1)
                var random = SeededFloats(seed: seed, stream: stream)
                for index in values.indices { values[index] = bound * random.symmetric() }
            case .b, .outputFactors: values.update(repeating: 0)
            case .outputScale, .inputScale: values.update(repeating: 1)
            case .rankFactors: values.update(repeating: initialRankFactor)
            case .magnitude: weights.rowNorms(tensor.place, into: values)
            }
        }
    }
}
