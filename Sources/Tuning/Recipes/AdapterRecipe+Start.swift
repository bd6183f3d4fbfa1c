internal import Glibc
import Models
import Tensors

extension AdapterRecipe {
    /// Sets the parameters with which PEFT and MoE-PEFT start: A uniform in `±1 / sqrt(inputs)` (Kaiming with a = sqrt(5)), B zero, DoRA's
    /// magnitudes the norms of the base's rows, IA³'s factors 1, VeRA's d `initialRankFactor` and lambda zero, MixLoRA's routers normal with
    /// deviation 0.02, other routers as A, trained tokens' rows those of the base. What is drawn follows from seed and place alone, so a map starts alike whatever others are
    /// trained.
    func initialise(_ adapter: TrainableAdapter, _ weights: DecoderWeights) {
        for tensor in adapter.tensors {
            let values = adapter.values(tensor)
            var random = SeededFloats(seed: seed, stream: tensor.stream)
            switch tensor.kind {
            case .router where family == .mixlora:
                for index in values.indices { values[index] = 0.02 * random.normal() }
            case .a where tensor.place == .embedding: values.update(repeating: 0)
            case .b where tensor.place == .embedding:
                for index in values.indices { values[index] = random.normal() }
            case .a, .router:
                let bound = 1 / Float(tensor.columns).squareRoot()
                for index in values.indices { values[index] = bound * random.symmetric() }
            case .b, .outputFactors: values.update(repeating: 0)
            case .outputScale, .inputScale: values.update(repeating: 1)
            case .rankFactors: values.update(repeating: initialRankFactor)
            case .magnitude:
                if case .linear(let place) = tensor.place { weights.rowNorms(place, into: values) }
            case .tokenRows: weights.tokenRows(adapter.tokens(tensor), ofHead: tensor.place == .head, into: values)
            }
        }
    }
}

extension ParameterTensor {
    /// Of the numbers that it starts with.
    fileprivate var stream: UInt64 {
        let own: UInt64 =
            switch place {
            case .linear(let place): UInt64(place.layer) << 8 | UInt64(place.projection.rawValue + 1)
            case .feedForward(let layer): UInt64(layer) << 8 | 0x80
            case .embedding: 0x90
            case .head: 0x91
            }
        return own | UInt64(kind == .router ? 0xFFFF : (expert ?? 0)) << 32
    }
}

extension SeededFloats {
    /// Normal, with deviation 1 (Box and Muller).
    mutating func normal() -> Float {
        let (radius, angle) = (0.5 * (1 - symmetric()), Float.pi * symmetric())
        return (-2 * logf(max(radius, 1e-12))).squareRoot() * cosf(angle)
    }
}
