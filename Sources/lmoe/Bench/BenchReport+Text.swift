extension BenchReport {
    /// For people.
    var text: String {
        var parts = [heading]
        if !prefill.isEmpty { parts.append(steps(prefill, first: ["prompt", "ms"]) { "\($0.tokens)" }) }
        if !decode.isEmpty { parts.append(steps(decode, first: ["decode rows after tokens", "ms/step"]) { "\($0.rows) after \($0.context)" }) }
        if let phaseTables { parts.append(phaseTables) }
        if !tuning.isEmpty { parts.append(tuningTable) }
        if let sharedCores { parts.append(Self.table(sharedCores)) }
        if let grammar { parts.append(grammar.text) }
        if latency != nil || http != nil || routing != nil || !routingScale.isEmpty { parts.append(timings) }
        if !memory.isEmpty { parts.append(memoryTable) }
        if isDisturbed {
            parts.append("NOT RELIABLE: a share of the bandwidth is above 100 %, so other processes were busy; run it again")
        }
        return parts.joined(separator: "\n\n")
    }

    private var heading: String {
        """
        \(machine.name), \(machine.cores) cores, \(machine.threads) threads, kernels \(machine.kernels)
        ceilings: memory \(Figure.decimals(machine.bandwidth / 1e9, 1)) GB/s, int8 \(Figure.decimals(machine.int8Rate / 1e9, 0)) GOP/s, \
        f32 \(Figure.decimals(machine.f32Rate / 1e9, 0)) GFLOP/s
        \(base.name): \(Figure.bytes(base.decoder.weightBytes)) of weights
        """
    }

    /// MB and MOP are those of a token; the shares are of the ceilings; the last column is 1 where a step takes as long as its
    /// bytes and operations say.
    private func steps(_ results: [StepResult], first: [String], _ size: (StepResult) -> String) -> String {
        var table = Table(
            [first[0], "adapters", "tokens/s", first[1], "MB/token", "MOP/token", "memory", "compute", "measured/predicted", "allocations"],
            leansRight: [0, 2, 3, 4, 5, 6, 7, 8, 9])
        for result in results {
            let tokens = Double(result.tokens)
            let operations = Double(result.cost.int8Operations + result.cost.f32Operations)
            table.add(
                size(result), result.mix.label, Figure.decimals(result.tokensPerSecond, result.tokensPerSecond < 1000 ? 1 : 0),
                Figure.decimals(result.seconds * 1000, 2), Figure.decimals(Double(result.cost.bytes) / tokens / 1e6, 2),
                Figure.decimals(operations / tokens / 1e6, 0), percent(bandwidthShare(result)), percent(computeShare(result)),
                Figure.decimals(result.seconds / predicted(result), 2), result.allocations.map { "\($0)" } ?? "-")
        }
        return table.text
    }

    private var tuningTable: String {
        var table = Table(["tuning, a step", "tokens/s", "ms", "memory"], leansRight: [1, 2, 3])
        for result in tuning {
            table.add(
                result.label, Figure.decimals(result.tokensPerSecond, 0), Figure.decimals(result.seconds * 1000, 0),
                Figure.bytes(result.residentBytes))
        }
        return table.text
    }

    private static func table(_ shared: SharedCoresMeasure) -> String {
        let percent = Figure.decimals(shared.share * 100, 0)
        var table = Table(["tuning beside serving, share \(percent) %", "alone", "beside", "ratio"], leansRight: [1, 2, 3])
        func add(_ label: String, _ pair: SharedCoresMeasure.Pair, _ decimals: Int, times factor: Double = 1) {
            let (alone, beside) = (Samples(pair.alone).median * factor, Samples(pair.beside).median * factor)
            table.add(label, Figure.decimals(alone, decimals), Figure.decimals(beside, decimals), Figure.decimals(pair.ratio, 2))
        }
        add("\(SharedCoresMeasure.streams) streams, tokens/s", shared.decode, 0)
        add("first token, no other request, ms", shared.firstToken, 1, times: 1000)
        add("first token beside the streams, ms", shared.firstTokenBeside, 1, times: 1000)
        add("the tuner, tokens/s", shared.tuning, 0)
        return table.text
    }

    private var timings: String {
        var table = Table(["time", "median", "least", "greatest"], leansRight: [1, 2, 3])
        func add(_ label: String, _ samples: Samples) {
            func milliseconds(_ seconds: Double) -> String { "\(Figure.decimals(seconds * 1000, 2)) ms" }
            table.add(label, milliseconds(samples.median), milliseconds(samples.least), milliseconds(samples.greatest))
        }
        if let latency {
            for (label, samples) in latency.firstToken { add("first token, \(label)", samples) }
            add("a token of one stream, from the engine", latency.decodeToken)
            add("load of an adapter of \(Figure.bytes(latency.adapterBytes))", latency.adapterLoad)
        }
        if let http {
            add("one token through HTTP", http.throughHTTP)
            add("the same from the engine", http.direct)
            add("HTTP's part", http.overhead)
            add("a token of one stream, through HTTP", http.streamedToken)
        }
        func add(_ label: String, microseconds: Double) {
            table.add(label, "\(Figure.decimals(microseconds / 1000, 2)) ms", "", "")
        }
        for (tokens, samples) in encoder?.single ?? [] { add("embed a text of \(tokens) tokens", samples) }
        if let routing {
            add("route over \(routing.adapters) adapters: tokenize", microseconds: routing.tokenize)
            add("route over \(routing.adapters) adapters: embed", microseconds: routing.embed)
            add("route over \(routing.adapters) adapters: decide", microseconds: routing.search)
            add("route over \(routing.adapters) adapters: all", microseconds: routing.total)
        }
        for scale in routingScale {
            add("route over \(scale.adapters) made adapters: decide", microseconds: scale.decision)
            add("route over \(scale.adapters) made adapters: all", microseconds: scale.total)
            add("index of \(scale.adapters) made adapters, vectors given", microseconds: scale.indexSeconds * 1e6)
        }
        var lines = [table.text]
        if let encoder { lines.append("embed 64 texts of 32 tokens: \(Figure.decimals(encoder.batchTokensPerSecond, 0)) tokens/s") }
        if let allocations = latency?.allocationsPerToken {
            lines.append("allocations per token of one client, engine and reader: \(Figure.decimals(allocations, 1))")
        }
        return lines.joined(separator: "\n\n")
    }

    private var memoryTable: String {
        var table = Table(["memory after", "resident", "at most"], leansRight: [1, 2])
        for point in memory { table.add(point.label, Figure.bytes(point.resident), Figure.bytes(point.peak)) }
        return table.text
    }

    private func percent(_ share: Double) -> String { "\(Figure.decimals(share * 100, 0)) %" }
}
