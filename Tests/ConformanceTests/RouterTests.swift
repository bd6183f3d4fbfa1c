import Models
import Tensors
import Testing

@testable import Adapters

@Suite("routers of mixtures")
struct RouterTests {
    static let mixtures = FixtureCase.all.filter { ["mixlora", "mola", "loramoe"].contains($0.name.prefix { $0 != "-" }) }

    @Test("logits within 1e-4 of the package's", arguments: mixtures)
    func logits(fixture: FixtureCase) throws {
        let decoder = try TinyBase.decoder(fixture.base, .reference)
        let adapter = try fixture.store(element: .f32).acquire(fixture.name)
        let file = try fixture.expected()
        let routed = RouterTrace(try file.tensor("tokens").int32s(), decoder, adapter.delta)
        #expect(!adapter.delta.routers.isEmpty)
        for router in adapter.delta.routers {
            let expected = try file.tensor("router.\(router.layer).\(router.projection?.checkpointName ?? "mlp")").floats()
            let found = (0..<routed.trace.rows).flatMap { routed.trace.logits(router, row: $0) }
            #expect(relativeDifference(found, expected) < 1e-4, "layer \(router.layer), \(String(describing: router.projection))")
        }
    }
}

extension RouterTests {
    @Test("the store tells how the load is spread, of adapters in memory that have routers", arguments: ["mixlora", "mola-layers", "loramoe"])
    func load(name: String) throws {
        let fixture = try FixtureCase.named(name)
        let store = try fixture.store(element: .f32)
        #expect(store.expertLoad(name) == nil && store.expertLoad("no-such-adapter") == nil)
        let adapter = try store.acquire(name)
        #expect(store.expertLoad(name)?.tokens == 0)
        #expect(store.expertLoad(name)?.overall.shares.allSatisfy { $0 == 0 } == true)
        let tokens = try fixture.expected().tensor("tokens").int32s()
        let routed = RouterTrace(tokens, try TinyBase.decoder(fixture.base, .reference), adapter.delta)
        let load = try #require(store.expertLoad(name))
        #expect(load.tokens == tokens.count)
        #expect(load.layers.map(\.layer) == [0, 1])
        for spread in [load.overall] + load.layers.map(\.spread) {
            #expect(abs(spread.shares.reduce(0, +) - 1) < 1e-9 && spread.evenness > 0 && spread.evenness <= 1)
        }
        // The weights of the trace, summed.
        let own = adapter.delta.routers.filter { $0.layer == 1 }
        var sums = [Double](repeating: 0, count: own[0].experts.count)
        for router in own {
            for row in tokens.indices {
                for (expert, weight) in routed.trace.weights(router, row: row).enumerated() { sums[expert] += Double(weight) }
            }
        }
        for (share, sum) in zip(load.layers[1].spread.shares, sums) { #expect(abs(share - sum / sums.reduce(0, +)) < 1e-3) }
        #expect(try FixtureCase.named("lora-exclude").store(element: .f32).expertLoad("lora-exclude") == nil)
    }
}

/// What an adapter's routers give for a text in one step.
struct RouterTrace {
    let trace: ExpertTrace
    /// Of each row, by router and expert: whether it is chosen. Nothing for an adapter without routers.
    let chosen: [[Bool]]

    init(_ tokens: [Int32], _ decoder: StepWorkspace, _ delta: AdapterDelta) {
        let trace = ExpertTrace(of: delta, rows: tokens.count)
        let blocks = (tokens.count + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens
        let run = StepBatch.Run(
            tokens: 0..<tokens.count, startPosition: 0, blocks: (0..<Int32(blocks)).map { $0 }, delta: delta, logits: .none)
        let logits = FloatBuffer(count: 0)
        decoder.step(
            StepBatch(tokens: tokens, runs: [run]), cache: decoder.makeCache(blocks: blocks), logits: logits.pointer, trace: trace)
        withExtendedLifetime(logits) {}
        self.trace = trace
        chosen = tokens.indices.map { row in delta.routers.flatMap { trace.weights($0, row: row).map { $0 > 0 } } }
    }
}
