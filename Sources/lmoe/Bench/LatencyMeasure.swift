import Adapters
import Foundation

/// Seconds of what a request waits for: its first token, its adapter, the HTTP around it.
struct LatencyMeasure {
    /// To the first token through the engine, by what was asked.
    var firstToken: [(label: String, samples: Samples)] = []
    /// `AdapterStore.acquire` of an adapter that is not in memory; the files are in the page cache.
    let adapterLoad: Samples
    let adapterBytes: Int
    /// Seconds of a token while one client decodes through the engine, with sampling, text and events.
    let decodeToken: Samples
    /// Allocations of all threads for each token that one client gets from the engine, its event and the reading of it included.
    let allocationsPerToken: Double?

    init(_ bench: Workbench, repeats: Int) throws {
        try bench.generate(bench.freshPrompt(64), tokens: 8)
        var base64: [Double] = []
        var base512: [Double] = []
        for _ in 0..<max(5, repeats) {
            base64.append(try bench.generate(bench.freshPrompt(64), tokens: 1))
            base512.append(try bench.generate(bench.freshPrompt(512), tokens: 1))
        }
        // Warm and cold of the same adapter side by side.
        var cold: [Double] = []
        var warm: [Double] = []
        var above: [Double] = []
        for name in bench.names {
            cold.append(try bench.generate(bench.freshPrompt(64), adapter: name, tokens: 1))
            let again = try (0..<3).map { _ in try bench.generate(bench.freshPrompt(64), adapter: name, tokens: 1) }
            warm.append(Samples(again).median)
            above.append(cold[cold.count - 1] - warm[warm.count - 1])
        }
        firstToken = [
            ("prompt 64, base", Samples(base64)), ("prompt 512, base", Samples(base512)),
            ("prompt 64, adapter in memory", Samples(warm)), ("prompt 64, adapter on disk", Samples(cold)),
            ("what the disk adds", Samples(above)),
        ]
        let store = bench.configuration.openStore(for: bench.engine.base.weights)
        _ = store.rescan()
        var held: [PinnedAdapter] = []
        adapterLoad = Samples(
            try bench.names.map { name in try elapsed { held.append(try store.acquire(name)) } })
        adapterBytes = held.first?.delta.byteCount ?? 0
        decodeToken = Samples(
            try (0..<max(3, repeats)).map { _ in
                let short = try bench.generate(bench.freshPrompt(32), tokens: 32)
                return (try bench.generate(bench.freshPrompt(32), tokens: 160) - short) / 128
            })
        allocationsPerToken = try Self.allocationsPerToken(bench)
    }

    /// The difference of a long and a short answer, so that a request's own allocations cancel out.
    private static func allocationsPerToken(_ bench: Workbench) throws -> Double? {
        func count(_ tokens: Int) throws -> Int? {
            let prompt = bench.freshPrompt(32)
            return try allocations { try bench.generate(prompt, tokens: tokens) }
        }
        _ = try count(160)
        guard let short = try count(32), let long = try count(160) else { return nil }
        return Double(long - short) / 128
    }
}
