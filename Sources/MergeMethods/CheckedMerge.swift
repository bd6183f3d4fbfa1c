/// A merge whose values are known to make sense.
struct CheckedMerge {
    struct Source {
        let name: String
        let reader: any TensorReader
        let values: MergeValues

        /// A value that `check` found there or took from the method's table.
        func number(_ name: String) -> Double {
            guard let value = values[name] else { preconditionFailure("a checked merge has no value of \(name)") }
            return value
        }
    }

    let shape: [Int]
    /// nil for methods without a base, and where an optional one is not given.
    let base: Source?
    /// All sources but the base, in the recipe's order.
    let sources: [Source]
    let values: MergeValues
    let seed: UInt64
    let tensor: String?

    func number(_ name: String) -> Double {
        guard let value = values[name] else { preconditionFailure("a checked merge has no value of \(name)") }
        return value
    }

    func flag(_ name: String) -> Bool { number(name) != 0 }

    /// Sources of a method that takes exactly one besides the base, or one in all.
    var only: Source { sources[0] }

    func run(_ method: MergeMethod, _ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        switch method {
        case .linear: try linear(pass, output)
        case .passthrough: try passthrough(pass, output)
        case .nearswap: try nearswap(pass, output)
        case .slerp: try slerp(pass, output)
        case .nuslerp: try nuslerp(pass, output)
        case .multislerp: try multislerp(pass, output)
        case .karcher: try karcher(pass, output)
        case .modelStock: try modelStock(pass, output)
        case .sce: try sce(pass, output)
        case .arceeFusion: try arceeFusion(pass, output)
        case .taskArithmetic, .ties, .dareLinear, .dareTies, .breadcrumbs, .breadcrumbsTies, .della, .dellaLinear:
            try changes(of: method, pass, output)
        }
    }

    /// Hands a source on as it is.
    func copy(_ source: Source, _ pass: MergePass, _ output: MergeOutput) throws(MergeError) {
        try pass.run(buffers: 1) { block throws(MergeError) in
            try source.reader.read(block.rows, into: block.buffers[0])
            try output(block.rows, block.buffers[0])
        }
    }

    func unsupported(_ message: String) -> MergeError { MergeError(.unsupported, message, tensor: tensor) }
}
