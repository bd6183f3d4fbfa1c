import JSON

extension BenchReport {
    /// For programs; times in seconds unless the key says otherwise. A section that was not measured is null or empty.
    var json: JSONValue {
        [
            "machine": [
                "name": .string(machine.name), "cores": .integer(Int64(machine.cores)),
                "threads": .integer(Int64(machine.threads)), "kernels": .string(machine.kernels),
                "bytes_per_second": .number(machine.bandwidth.rounded()),
                "int8_operations_per_second": .number(machine.int8Rate.rounded()),
                "f32_operations_per_second": .number(machine.f32Rate.rounded()),
            ],
            "model": ["name": .string(base.name), "weight_bytes": .integer(Int64(base.decoder.weightBytes))],
            "prefill": .array(prefill.map(step)),
            "decode": .array(decode.map(step)),
            "tuning": .array(
                tuning.map { result in
                    [
                        "what": .string(result.label), "tokens": .integer(Int64(result.tokens)), "seconds": .number(result.seconds),
                        "tokens_per_second": .number(result.tokensPerSecond), "resident_bytes": .integer(Int64(result.residentBytes)),
                    ]
                }),
            "tuning_beside_serving": sharedCores.map(sharedCoresJSON) ?? .null,
            "grammar": grammar.map(\.json) ?? .null,
            "latency": latency.map(latencyJSON) ?? .null,
            "http": http.map { http in
                [
                    "through_http": json(http.throughHTTP), "engine": json(http.direct), "overhead": json(http.overhead),
                    "streamed_token": json(http.streamedToken),
                ]
            } ?? .null,
            "encoder": encoder.map { encoder in
                [
                    "single": .array(
                        encoder.single.map { tokens, samples in ["tokens": .integer(Int64(tokens)), "seconds": json(samples)] }),
                    "batch_tokens_per_second": .number(encoder.batchTokensPerSecond),
                ]
            } ?? .null,
            "routing_us": routing.map { routing in
                [
                    "adapters": .integer(Int64(routing.adapters)), "tokenize": .number(routing.tokenize),
                    "embed": .number(routing.embed), "search": .number(routing.search), "total": .number(routing.total),
                ]
            } ?? .null,
            "routing_scale_us": .array(
                routingScale.map { scale in
                    [
                        "adapters": .integer(Int64(scale.adapters)), "search": .number(scale.decision),
                        "total": .number(scale.total), "index": .number(scale.indexSeconds * 1e6),
                    ]
                }),
            "disturbed": .bool(isDisturbed),
            "memory": .array(
                memory.map { point in
                    [
                        "after": .string(point.label), "resident_bytes": .integer(Int64(point.resident)),
                        "peak_bytes": .integer(Int64(point.peak)),
                    ]
                }),
        ]
    }

    private func step(_ result: StepResult) -> JSONValue {
        let tokens = Double(result.tokens)
        return [
            "tokens": .integer(Int64(result.tokens)), "rows": .integer(Int64(result.rows)), "context": .integer(Int64(result.context)), "adapter": .string(result.mix.label),
            "mix": .string(result.mix.kind.rawValue), "rank": .integer(Int64(result.mix.rank)), "seconds": .number(result.seconds),
            "tokens_per_second": .number(result.tokensPerSecond),
            "bytes_per_token": .number(Double(result.cost.bytes) / tokens),
            "int8_operations_per_token": .number(Double(result.cost.int8Operations) / tokens),
            "f32_operations_per_token": .number(Double(result.cost.f32Operations) / tokens),
            "bandwidth_share": .number(bandwidthShare(result)), "compute_share": .number(computeShare(result)),
            "predicted_seconds": .number(predicted(result)),
            "allocations": result.allocations.map { .integer(Int64($0)) } ?? .null, "phases": json(result.phases),
        ]
    }

    private func latencyJSON(_ latency: LatencyMeasure) -> JSONValue {
        [
            "first_token": .array(
                latency.firstToken.map { label, samples in ["what": .string(label), "seconds": json(samples)] }),
            "decode_token": json(latency.decodeToken), "adapter_load": json(latency.adapterLoad), "adapter_bytes": .integer(Int64(latency.adapterBytes)),
            "allocations_per_token": latency.allocationsPerToken.map { .number($0) } ?? .null,
        ]
    }

    private func sharedCoresJSON(_ shared: SharedCoresMeasure) -> JSONValue {
        func json(_ pair: SharedCoresMeasure.Pair) -> JSONValue {
            ["alone": self.json(Samples(pair.alone)), "beside": self.json(Samples(pair.beside)), "ratio": .number(pair.ratio)]
        }
        return [
            "share": .number(shared.share), "streams": .integer(Int64(SharedCoresMeasure.streams)),
            "tokens_per_second": json(shared.decode), "first_token": json(shared.firstToken),
            "first_token_beside_streams": json(shared.firstTokenBeside), "tuner_tokens_per_second": json(shared.tuning),
        ]
    }

    private func json(_ samples: Samples) -> JSONValue {
        ["median": .number(samples.median), "least": .number(samples.least), "greatest": .number(samples.greatest)]
    }
}
