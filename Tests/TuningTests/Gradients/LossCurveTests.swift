import Models
import Tensors
import Testing
import Weights

@testable import Tuning

/// AdamW steps of a LoRA on the real base beside those of peft on the same batches: see `Fixtures/README.md`. The reference path takes
/// minutes for fifty of them (it was off by 8e-5 then), so five are tested.
@Suite struct LossCurveTests {
    private struct Curve {
        let file: SafetensorsFile
        let sequences: [TrainingSequence]
        let losses: [Float]
        let norms: [Float]

        init() throws {
            let file = try SafetensorsFile.open("\(GradientFixture.root)/Tests/TuningTests/Fixtures/loss_curve.safetensors")
            func integers(_ name: String) -> [Int32] {
                file.tensors[name]?.withUnsafeBytes { bytes in
                    (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
                } ?? []
            }
            let (tokens, offsets) = (integers("tokens"), integers("offsets").map { Int($0) })
            let marks: [Bool] = file.tensors["targets"]?.withUnsafeBytes { Array($0.map { $0 != 0 }) } ?? []
            self.file = file
            sequences = zip(offsets, offsets.dropFirst()).map {
                TrainingSequence(tokens: Array(tokens[$0..<$1]), isTarget: Array(marks[$0..<$1]))
            }
            losses = file.tensors["loss"]?.floats() ?? []
            norms = file.tensors["grad_norm"]?.floats() ?? []
        }
    }

    /// Elements of `scripts/fixtures/seeded.py`.
    private func seeded(_ name: String, exponent: Int, into values: UnsafeMutableBufferPointer<Float>) {
        var state = name.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let unit = Float(sign: .plus, exponent: -exponent, significand: 1)
        for index in values.indices {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            z ^= z >> 31
            values[index] = Float(Int8(truncatingIfNeeded: Int64(bitPattern: z) >> 56)) * unit
        }
    }

    @Test("steps follow peft's loss", arguments: [(ModelPrecision.reference, 5, 1e-3), (.fast, 50, 1e-2)])
    func curve(precision: ModelPrecision, steps: Int, bound: Double) throws {
        let curve = try Curve()
        #expect(curve.losses.count == 50 && curve.sequences.count == 200)
        let pool = WorkerPool(threads: 2)
        let weights = try DecoderWeights(ModelFiles.open("\(GradientFixture.root)/models/base.gguf"), precision: precision, pool: pool)
        let recipe = AdapterRecipe(rank: 8, alpha: 16)
        let forms = recipe.forms(weights.configuration)
        let adapter = try TrainableAdapter(weights.configuration, forms)
        for tensor in adapter.tensors where tensor.kind == .a {
            seeded("loss_curve/\(tensor.checkpointName)", exponent: tensor.columns == 576 ? 12 : 13, into: adapter.values(tensor))
        }
        let rates = try LearningRates(rate: 2e-4)
        let optimiser = try Optimiser(.adamW(AdamW()), tensors: adapter.tensors.map { $0.trained(rates) })
        let workspace = try TrainingWorkspace(weights, pool: pool, maximumRows: 256, scalesOutputs: false)
        var clipping = try GradientGuard(maximumNorm: 1)
        var worst = 0.0
        for step in 0..<steps {
            adapter.parametersChanged(weights, pool: pool)
            adapter.clearGradients()
            let batch = TrainingBatch(
                runs: curve.sequences[4 * step..<4 * step + 4].map { .init(tokens: $0.tokens, isTarget: $0.isTarget, adapter: adapter) })
            let logarithms = try workspace.forward(batch, differentiates: true)
            let count = Double(logarithms.reduce(0) { $0 + $1.count })
            let loss = -logarithms.joined().reduce(0.0) { $0 + Double($1) } / count
            worst = max(worst, abs(loss / Double(curve.losses[step]) - 1))
            workspace.backward(logarithms.map { $0.map { _ in Float(-1 / count) } })
            let squares = GradientNorm.sumOfSquares(adapter.gradients.pointer, adapter.gradients.count)
            #expect(abs(squares.squareRoot() / Double(curve.norms[step]) - 1) < 20 * bound, "the gradient's norm of step \(step)")
            guard case .apply(let scale, _) = try clipping.judge(sumOfSquares: squares) else { return }
            optimiser.beginStep(scheduleFactor: 1, gradientScale: scale)
            for (index, tensor) in adapter.tensors.enumerated() {
                optimiser.update(index, adapter.parameters.pointer + tensor.offset, adapter.gradients.pointer + tensor.offset)
            }
        }
        print("loss curve, \(precision): off by at most \(worst) of the loss")
        #expect(worst < bound, "off by \(worst) of the loss")
    }
}
