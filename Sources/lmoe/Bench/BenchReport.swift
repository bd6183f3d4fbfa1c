import Adapters
import Inference
import JSON

/// Everything that was measured, for people and as JSON.
struct BenchReport {
    struct Decode {
        let rows: Int
        /// Empty for the base alone; one for the same adapter in every row.
        let adapters: [PinnedAdapter]
        /// For all tokens of all rows.
        let seconds: Double

        var label: String {
            switch adapters.count {
            case 0: "base"
            case 1: adapters[0].name
            default: "\(adapters.count) different"
            }
        }
    }

    let machine: Machine
    /// Resident bytes of this process, before the machine's memory was measured with a buffer of its own.
    let memory: (now: Int, peak: Int)
    let base: BaseModel
    let adapters: [PinnedAdapter]
    let tokens: Int
    var prefill: [(length: Int, label: String, seconds: Double)] = []
    var decode: [Decode] = []
    var routing: RoutingMeasure?

    private func rate(_ decode: Decode) -> Double { Double(decode.rows * tokens) / decode.seconds }

    /// The share of the memory's bandwidth that weights and adapters take: each is read once a step.
    private func roofline(_ decode: Decode) -> Double {
        let bytes = base.decoder.weightBytes + decode.adapters.reduce(0) { $0 + $1.delta.byteCount }
        return Double(bytes) * Double(tokens) / decode.seconds / machine.bandwidth
    }

    /// A step can't read faster than memory gives: such a figure says that other processes disturbed the measurement.
    private var isDisturbed: Bool { decode.contains { roofline($0) > 1 } }

    var text: String {
        var lines = [
            "\(machine.name), \(machine.cores) cores, \(machine.threads) threads; "
                + "memory \(Figure.decimals(machine.bandwidth / 1e9, 1)) GB/s",
            "\(base.name): \(Figure.bytes(base.decoder.weightBytes)) of weights, \(adapters.count) adapters, "
                + "\(Figure.bytes(adapters.reduce(0) { $0 + $1.delta.byteCount }))",
            "",
        ]
        var table = Table(["prefill", "adapter", "tokens/s", "ms"], leansRight: [0, 2, 3])
        for row in prefill {
            table.add(
                "\(row.length)", row.label, Figure.decimals(Double(row.length) / row.seconds, 0),
                Figure.decimals(row.seconds * 1000, 1))
        }
        lines += [table.text, ""]
        table = Table(["decode rows", "adapter", "tokens/s", "ms/step", "roofline"], leansRight: [0, 2, 3, 4])
        for row in decode {
            table.add(
                "\(row.rows)", row.label, Figure.decimals(rate(row), 1),
                Figure.decimals(row.seconds * 1000 / Double(tokens), 2),
                "\(Figure.decimals(roofline(row) * 100, 0)) %")
        }
        lines += [table.text, ""]
        if let routing {
            lines.append(
                "routing over \(routing.adapters) adapters: tokenize \(Figure.decimals(routing.tokenize, 0)), "
                    + "embed \(Figure.decimals(routing.embed, 0)), "
                    + "search \(Figure.decimals(routing.search, 0)), total \(Figure.decimals(routing.total, 0)) us")
        }
        if isDisturbed {
            lines.append("NOT RELIABLE: a roofline share is above 100 %, so other processes were busy; run it again")
        }
        lines.append("memory: \(Figure.bytes(memory.now)) now, \(Figure.bytes(memory.peak)) at most")
        return lines.joined(separator: "\n")
    }

    var json: JSONValue {
        return [
            "machine": [
                "name": .string(machine.name), "cores": .integer(Int64(machine.cores)),
                "threads": .integer(Int64(machine.threads)),
                "bytes_per_second": .number(machine.bandwidth.rounded()),
            ],
            "model": [
                "name": .string(base.name), "weight_bytes": .integer(Int64(base.decoder.weightBytes)),
                "adapters": .array(adapters.map { .string($0.name) }),
            ],
            "prefill": .array(
                prefill.map { row in
                    [
                        "tokens": .integer(Int64(row.length)), "adapter": .string(row.label),
                        "seconds": .number(row.seconds),
                        "tokens_per_second": .number(Double(row.length) / row.seconds),
                    ]
                }),
            "decode": .array(
                decode.map { row in
                    [
                        "rows": .integer(Int64(row.rows)), "adapters": .array(row.adapters.map { .string($0.name) }),
                        "seconds": .number(row.seconds), "tokens_per_second": .number(rate(row)),
                        "roofline_share": .number(roofline(row)),
                    ]
                }),
            "routing_us": routing.map { routing in
                [
                    "adapters": .integer(Int64(routing.adapters)), "tokenize": .number(routing.tokenize),
                    "embed": .number(routing.embed),
                    "search": .number(routing.search), "total": .number(routing.total),
                ]
            } ?? .null,
            "disturbed": .bool(isDisturbed),
            "memory": ["resident_bytes": .integer(Int64(memory.now)), "peak_bytes": .integer(Int64(memory.peak))],
        ]
    }
}
