import Foundation
import Gateway
import Logging
import Telemetry

/// Seconds of a one-token completion through a real server on a loopback port, and of the same request given to the engine.
struct HTTPMeasure {
    let throughHTTP: Samples
    let direct: Samples
    /// Of pairs that were measured one after the other.
    let overhead: Samples
    /// Of a token while one client reads a stream of events; `LatencyMeasure.decodeToken` is the engine's part.
    let streamedToken: Samples

    /// Takes the engine of `bench`, which ends with the server.
    init(_ bench: Workbench, requests: Int) async throws {
        let parts = ServiceParts(backend: bench.engine, embedder: nil, library: bench.library)
        let service = await Service(bench.configuration, logger: Logger(threshold: .off))
        let port = try await service.listen()
        try await service.open { parts }
        let timings: [(http: Double, direct: Double)]
        do {
            timings = try Self.requests(bench, port, requests)
            streamedToken = try Self.streamedToken(bench, port)
        } catch {
            await service.stop()
            throw error
        }
        await service.stop()
        throughHTTP = Samples(timings.map(\.http))
        direct = Samples(timings.map(\.direct))
        overhead = Samples(timings.map { $0.http - $0.direct })
    }

    private static func requests(_ bench: Workbench, _ port: Int, _ requests: Int) throws -> [(http: Double, direct: Double)] {
        let client = try LoopbackClient(port: port)
        let prompt = bench.freshPrompt(8)
        var timings: [(http: Double, direct: Double)] = []
        for round in 0..<requests + 10 {
            let http = try elapsed { try client.post("/v1/completions", body(prompt, tokens: 1)) }
            let direct = try bench.generate(prompt, tokens: 1)
            // The first ones warm up.
            if round >= 10 { timings.append((http, direct)) }
        }
        return timings
    }

    private static func streamedToken(_ bench: Workbench, _ port: Int) throws -> Samples {
        let client = try LoopbackClient(port: port)
        func seconds(_ tokens: Int) throws -> Double {
            let body = body(bench.freshPrompt(32), tokens: tokens, isStream: true)
            return try elapsed { try client.stream("/v1/completions", body) }
        }
        return Samples(
            try (0..<5).map { _ in
                let short = try seconds(32)
                return (try seconds(160) - short) / 128
            })
    }

    private static func body(_ prompt: [Int32], tokens: Int, isStream: Bool = false) -> String {
        """
        {"model": "base", "prompt": \(prompt), "max_tokens": \(tokens), "temperature": 0, "ignore_eos": true, "stream": \(isStream)}
        """
    }
}
