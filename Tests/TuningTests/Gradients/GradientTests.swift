import Models
import Tensors
import Testing

@testable import Tuning

@Suite struct GradientTests {
    /// Adapters of linear maps alone.
    static let names = [
        "plain", "layers", "lora-exclude", "half", "gemma", "gemma3-scaled", "qwen3", "rslora", "dora", "dora-biases", "qwen3-dora", "ia3",
        "ia3-biases", "ia3-all", "ia3-gemma", "vera", "vera-all", "vera-layers",
    ]

    @Test("gradients are those of torch's autograd", arguments: names)
    func reference(name: String) throws {
        let fixture = try GradientFixture(name)
        let pool = WorkerPool(threads: 2)
        let weights = try DecoderWeights(fixture.model, precision: .reference, pool: pool)
        let adapter = try fixture.adapter()
        #expect(!adapter.tensors.isEmpty)
        adapter.parametersChanged(weights, pool: pool)
        let runs = (0..<fixture.sequences).map {
            TrainingBatch.Run(tokens: fixture.tokens($0), isTarget: fixture.isTarget($0), adapter: adapter)
        }
        let workspace = try TrainingWorkspace(weights, pool: pool, maximumRows: 64)
        let logarithms = workspace.forward(TrainingBatch(runs: runs), differentiates: true)
        for (index, own) in logarithms.enumerated() {
            let expected = zip(fixture.logarithms(index), fixture.isTarget(index)).filter(\.1).map(\.0)
            #expect(own.count == expected.count)
            for (value, other) in zip(own, expected) { #expect(abs(value - other) < 2e-5, "sequence \(index): \(value), expected \(other)") }
        }
        workspace.backward(logarithms.map { $0.map { _ in -1 } })
        for tensor in adapter.tensors {
            let expected = try #require(fixture.file.tensors["grad.\(tensor.checkpointName)"]?.floats(), "\(tensor.checkpointName)")
            let most = expected.reduce(0) { max($0, abs($1)) }
            let worst = zip(adapter.gradient(tensor), expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
            #expect(worst <= 5e-5 * most, "\(tensor.checkpointName): off by \(worst / most) of the largest")
        }
    }
}
