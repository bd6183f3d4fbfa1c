import Foundation
import Gateway
import Telemetry

/// Seconds of a one-token completion through a real server on a loopback port, and of the same request given to the engine.
struct HTTPMeasure {
    let throughHTTP: Samples
    let direct: Samples
    /// Of pairs that were measured one after the other.
    let overhead: Samples

    /// Takes the engine of `bench`, which ends with the server.
    init(_ bench: Workbench, requests: Int) async throws {
        let parts = ServiceParts(backend: bench.engine, embedder: nil, library: bench.library)
        let service = await Service(bench.configuration, logger: Logger(level: .off))
        let port = try await service.listen()
        try await service.open { parts }
        let timings: [(http: Double, direct: Double)]
        do {
            timings = try await Self.measure(bench, port, requests)
        } catch {
            await service.stop()
            throw error
        }
        await service.stop()
        throughHTTP = Samples(timings.map(\.http))
        direct = Samples(timings.map(\.direct))
        overhead = Samples(timings.map { $0.http - $0.direct })
    }

    private static func measure(_ bench: Workbench, _ port: Int, _ requests: Int) async throws -> [(http: Double, direct: Double)] {
        let client = try LoopbackClient(port: port)
        let prompt = bench.freshPrompt(8)
        let body = """
            {"model": "base", "prompt": \(prompt), "max_tokens": 1, "temperature": 0, "ignore_eos": true}
            """
        var timings: [(http: Double, direct: Double)] = []
        for round in 0..<requests + 10 {
            let http = try elapsed { _ = try client.post("/v1/completions", body) }
            let direct = try bench.generate(prompt, tokens: 1)
            // The first ones warm up.
            if round >= 10 { timings.append((http, direct)) }
        }
        return timings
    }
}
