import Models
import Tensors
import Testing

@testable import Tuning

/// What a step promises: a task gets the bits that it would get alone.
@Suite struct TrainingBitsTests {
    /// An adapter of its own, so that gradients do not mix.
    private func gradients(
        _ fixture: GradientFixture, _ weights: DecoderWeights, _ pool: WorkerPool, others: [String], recomputes: Bool = false
    ) throws -> [Float] {
        let adapter = try fixture.adapter(balance: .uniform(coefficient: 0.01))
        adapter.parametersChanged(weights, pool: pool)
        var runs = (0..<fixture.sequences).map {
            TrainingBatch.Run(tokens: fixture.tokens($0), isTarget: fixture.isTarget($0), adapter: adapter)
        }
        for (index, name) in others.enumerated() {
            let other = try GradientFixture(name)
            let neighbour = try other.adapter()
            neighbour.parametersChanged(weights, pool: pool)
            let run = TrainingBatch.Run(tokens: other.tokens(2), isTarget: other.isTarget(2), adapter: neighbour)
            if index % 2 == 0 { runs.insert(run, at: 0) } else { runs.append(run) }
        }
        runs.append(TrainingBatch.Run(tokens: fixture.tokens(0), isTarget: fixture.isTarget(0), adapter: nil))
        let workspace = try TrainingWorkspace(weights, pool: pool, maximumRows: 320, recomputes: recomputes)
        let logarithms = try workspace.forward(TrainingBatch(runs: runs), differentiates: true)
        workspace.backward(logarithms.map { $0.map { _ in -0.25 } })
        return Array(UnsafeBufferPointer(start: adapter.gradients.pointer, count: adapter.gradients.count))
    }

    @Test("on the fast path gradients have the same bits beside other adapters and with any number of threads", arguments: ["plain", "vera", "mixlora", "mola", "loramoe", "tokens-both", "embedding", "head"])
    func alone(name: String) throws {
        let fixture = try GradientFixture(name)
        let one = WorkerPool(threads: 1), three = WorkerPool(threads: 3)
        let weights = try DecoderWeights(fixture.model, precision: .fast, pool: three)
        let alone = try gradients(fixture, weights, one, others: [])
        #expect(alone.contains { $0 != 0 })
        #expect(try gradients(fixture, weights, three, others: []) == alone)
        #expect(try gradients(fixture, weights, three, others: [], recomputes: true) == alone, "with activations that are computed again")
        #expect(try gradients(fixture, weights, three, others: ["plain", "dora", "mixlora-some", "tokens", "ia3", "head", "mola", "vera"]) == alone)
    }

    @Test("the fast path's gradients point where those of f32 point")
    func fast() throws {
        let fixture = try GradientFixture("plain")
        let pool = WorkerPool(threads: 2)
        let exact = try gradients(fixture, DecoderWeights(fixture.model, precision: .reference, pool: pool), pool, others: [])
        let fast = try gradients(fixture, DecoderWeights(fixture.model, precision: .fast, pool: pool), pool, others: [])
        let products = zip(exact, fast).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let squares = (exact.reduce(0.0) { $0 + Double($1) * Double($1) }, fast.reduce(0.0) { $0 + Double($1) * Double($1) })
        #expect(products / (squares.0 * squares.1).squareRoot() > 0.995)
    }
}
