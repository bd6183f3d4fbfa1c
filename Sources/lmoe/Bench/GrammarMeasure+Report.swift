import JSON

extension GrammarMeasure {
    /// For people.
    var text: String {
        var table = Table(["constrained answers", "median", "p99"], leansRight: [1, 2])
        func microseconds(_ seconds: Double) -> String { "\(Figure.decimals(seconds * 1e6, 1)) us" }
        func milliseconds(_ seconds: Double) -> String { "\(Figure.decimals(seconds * 1e3, 2)) ms" }
        table.add("a mask of \(vocabulary) tokens", microseconds(maskSeconds(0.5)), microseconds(maskSeconds(0.99)))
        table.add("compiling a schema of \(Figure.bytes(schemaBytes))", milliseconds(compile.median), milliseconds(compile.greatest))
        table.add("the vocabulary's tree, once", milliseconds(tree.median), milliseconds(tree.greatest))
        let (with, without) = (Samples(constrained).median, Samples(free).median)
        return table.text + "\n\(Self.streams) streams: \(Figure.decimals(with, 0)) tokens/s with a schema, \(Figure.decimals(without, 0)) without, "
            + "ratio \(Figure.decimals(ratio, 2))"
    }

    var json: JSONValue {
        [
            "vocabulary": .integer(Int64(vocabulary)), "mask_seconds_median": .number(maskSeconds(0.5)), "mask_seconds_p99": .number(maskSeconds(0.99)),
            "masks": .integer(Int64(masks.count)), "schema_bytes": .integer(Int64(schemaBytes)), "compile_seconds": .number(compile.median),
            "tree_seconds": .number(tree.median), "streams": .integer(Int64(Self.streams)),
            "tokens_per_second_constrained": .number(Samples(constrained).median), "tokens_per_second_free": .number(Samples(free).median),
            "ratio": .number(ratio),
        ]
    }
}
