public import Tensors

/// One tensor made of the same tensor of several models.
///
/// It reads blocks of whole rows, never a whole tensor, once or several times: methods that need figures of the whole tensor (thresholds,
/// norms) take them in passes of their own. All arithmetic is f32, in the order of mergekit 0.1.5; sums over a tensor are f64. The result
/// depends neither on the number of threads nor on the size of blocks. Reference: https://github.com/arcee-ai/mergekit
public struct TensorMerge: Sendable {
    public var method: MergeMethod
    /// Of all sources and of the result.
    public var shape: [Int]
    /// The sources in the recipe's order, the base (if there is one) among them.
    public var terms: [MergeTerm]
    /// The values that are for all sources.
    public var values: MergeValues
    /// Of random choices. Give each tensor one of its own: `seed(_:tensor:)`.
    public var seed: UInt64
    /// Its name, for messages.
    public var tensor: String?
    /// How the tensor is read; tests take small ones.
    var granularity = MergeLayout.Granularity()

    /// - Parameter base: a base that is not one of the terms; it becomes the last of them.
    public init(
        _ method: MergeMethod, shape: [Int], base: (any TensorReader)? = nil, terms: [MergeTerm], values: MergeValues = [:],
        seed: UInt64 = 0, tensor: String? = nil
    ) {
        self.method = method
        self.shape = shape
        self.terms = terms + (base.map { [MergeTerm("the base", reader: $0, isBase: true)] } ?? [])
        self.values = values
        self.seed = seed
        self.tensor = tensor
    }

    /// A tensor's own seed, of that of the whole merge.
    public static func seed(_ seed: UInt64, tensor: String) -> UInt64 {
        // FNV-1a, which is the same on every machine.
        let name = tensor.utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return RandomKey.mixed(seed ^ RandomKey.mixed(name))
    }

    /// Throws what `run` would throw before it reads: `invalidRecipe`, `unsupported`.
    public func check() throws(MergeError) { _ = try checked() }

    /// Reads, merges and hands on each block of rows once, row-major `[rows.count, columns]`. The threads of the pool call `write`, several at
    /// a time and in no order; the pointer is valid inside the call. A vector is one row; a tensor without elements has no block.
    ///
    /// Errors: those of `check`, of the readers and of `write`; `unsupported` for sources that the method cannot merge; `nonFinite` for a
    /// result that f32 cannot hold. Memory: about a megabyte for each thread and source, more where a row is longer.
    public func run(
        pool: WorkerPool, write: (_ rows: Range<Int>, _ values: UnsafePointer<Float>) throws(MergeError) -> Void
    ) throws(MergeError) {
        let merge = try checked()
        guard shape.allSatisfy({ $0 > 0 }) else { return }
        let pass = MergePass(layout: MergeLayout(shape: shape, granularity), granularity: granularity, pool: pool, tensor: tensor)
        try withoutActuallyEscaping(write) { write throws(MergeError) in
            let output = MergeOutput(columns: pass.layout.columns, tensor: tensor, write: write)
            try merge.run(method, pass, output)
        }
    }
}
