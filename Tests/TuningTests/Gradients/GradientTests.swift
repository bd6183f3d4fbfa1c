import Models
import Tensors
import Testing

@testable import Tuning

@Suite struct GradientTests {
    static let names = [
        "plain", "layers", "lora-exclude", "half", "gemma", "gemma3-scaled", "qwen3", "rslora", "dora", "dora-biases", "qwen3-dora", "ia3",
        "ia3-biases", "ia3-all", "ia3-gemma", "vera", "vera-all", "vera-layers", "mixlora", "mixlora-biases", "mixlora-dynamic",
        "mixlora-dynamic-temperature", "mixlora-expert-lora", "mixlora-no-attention", "mixlora-some", "mixlora-up-only", "mola", "mola-biases",
        "mola-layers", "loramoe", "loramoe-biases", "tokens", "tokens-alone", "tokens-alone-tied", "tokens-both", "tokens-gemma", "tokens-tied",
        "embedding", "embedding-tied", "head", "head-tied", "smollm3", "phi3", "yarn",
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
        let logarithms = try workspace.forward(TrainingBatch(runs: runs), differentiates: true)
        for (index, own) in logarithms.enumerated() {
            let expected = zip(fixture.logarithms(index), fixture.isTarget(index)).filter(\.1).map(\.0)
            #expect(own.count == expected.count)
            for (value, other) in zip(own, expected) { #expect(abs(value - other) < 2e-5, "sequence \(index): \(value), expected \(other)") }
        }
        workspace.backward(logarithms.map { $0.map { _ in -1 } })
        for tensor in adapter.tensors {
            let name = fixture.name(tensor)
            let expected = try #require(fixture.file.tensors["grad.\(name)"]?.floats(), "\(name)")
            Self.compare(adapter.gradient(tensor), expected, name)
        }
    }

    @Test(
        "under dropout gradients are those of the families' own layers with the same masks",
        arguments: ["plain", "qwen3", "dora-biases", "qwen3-dora", "vera-all", "mixlora"], [64, 0])
    func dropout(name: String, neighbourRows: Int) throws {
        let fixture = try GradientFixture("\(name)-dropout")
        let pool = WorkerPool(threads: 2)
        let weights = try DecoderWeights(fixture.model, precision: .reference, pool: pool)
        let (adapter, neighbour) = (try fixture.adapter(), try fixture.adapter())
        for own in [adapter, neighbour] { own.parametersChanged(weights, pool: pool) }
        let dropout = try #require(Dropout(probability: 0.25, seed: 42))
        var first = 0
        var runs: [TrainingBatch.Run] = []
        for index in 0..<fixture.sequences {
            let run = TrainingBatch.Run(
                tokens: fixture.tokens(index), isTarget: fixture.isTarget(index), adapter: adapter,
                dropout: .init(dropout, step: 3, firstRow: first))
            first += run.rows
            runs.append(run)
        }
        // An adapter of the same maps beside it, whose inputs are not dropped.
        if neighbourRows > 0 { runs.append(.init(tokens: fixture.tokens(2), isTarget: fixture.isTarget(2), adapter: neighbour)) }
        let workspace = try TrainingWorkspace(weights, pool: pool, maximumRows: 64 + neighbourRows)
        let logarithms = try workspace.forward(TrainingBatch(runs: runs), differentiates: true)
        for (index, own) in logarithms.prefix(fixture.sequences).enumerated() {
            let expected = zip(fixture.logarithms(index), fixture.isTarget(index)).filter(\.1).map(\.0)
            for (value, other) in zip(own, expected) { #expect(abs(value - other) < 2e-5, "sequence \(index): \(value), expected \(other)") }
        }
        workspace.backward(logarithms.map { $0.map { _ in -1 } })
        for tensor in adapter.tensors {
            let name = fixture.name(tensor)
            Self.compare(adapter.gradient(tensor), try #require(fixture.file.tensors["grad.\(name)"]?.floats(), "\(name)"), name)
        }
    }

    private static func compare(_ found: UnsafeMutableBufferPointer<Float>, _ expected: [Float], _ name: String) {
        #expect(found.count == expected.count)
        // Of a router that chooses one expert they are zero but for rounding.
        let most = expected.reduce(1e-10) { max($0, abs($1)) }
        let worst = zip(found, expected).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        #expect(worst <= 5e-5 * most, "\(name): off by \(worst / most) of the largest")
    }

    @Test(
        "balance losses and their gradients are those of the families' code",
        arguments: [
            ("mixlora", BalanceLoss.uniform(coefficient: 0.001)), ("mixlora-dynamic", .uniform(coefficient: 0.001)),
            ("mola", .uniform(coefficient: 0.001)), ("loramoe", .localised(weight: 0.01, alpha: 0.3)),
        ])
    func balance(name: String, loss: BalanceLoss) throws {
        let fixture = try GradientFixture(name)
        let pool = WorkerPool(threads: 2)
        let weights = try DecoderWeights(fixture.model, precision: .reference, pool: pool)
        let adapter = try fixture.adapter(balance: loss)
        adapter.parametersChanged(weights, pool: pool)
        // The fixture's losses count each sequence's last token, too, which is an input here when one follows.
        let runs = (0..<fixture.sequences).map {
            TrainingBatch.Run(
                tokens: fixture.tokens($0) + [0], isTarget: fixture.isTarget($0) + [false], adapter: adapter,
                expertHalf: $0 == 1 ? .second : .first)
        }
        let workspace = try TrainingWorkspace(weights, pool: pool, maximumRows: 64)
        let logarithms = try workspace.forward(TrainingBatch(runs: runs), differentiates: true)
        let found = try #require(workspace.balanceLoss(adapter))
        let expected = try #require(fixture.file.tensors["balance"]?.floats().first)
        #expect(abs(found - Double(expected)) < 1e-5 * abs(found), "\(found), expected \(expected)")
        workspace.backward(logarithms.map { $0.map { _ in 0 } })
        for tensor in adapter.tensors {
            let name = fixture.name(tensor)
            let expected = fixture.file.tensors["balance_grad.\(name)"]?.floats() ?? Array(repeating: 0, count: tensor.count)
            Self.compare(adapter.gradient(tensor), expected, name)
        }
    }
}
