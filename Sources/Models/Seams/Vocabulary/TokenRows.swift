public import Tensors

/// An adapter's own rows of an embedding table or head, for a few tokens that were trained.
///
/// Memory: f32, `[tokens, hidden]`, and the tokens. `@unchecked Sendable`: filled in `init` and only read after.
public final class TokenRows: @unchecked Sendable {
    /// Rising, each once.
    public let tokens: [Int32]
    /// Width of the residual stream.
    public let columns: Int
    private let ids: UnsafeMutablePointer<Int32>
    private let rows: FloatBuffer

    /// `rows` is `[tokens, hidden]`, f32, f16 or bf16, copied; row i belongs to `tokens[i]`, which are distinct and not negative.
    /// Errors: `wrongShape`, `unsupported` element types, `noMemory`.
    public init(tokens: [Int32], rows view: TensorView) throws(ModelError) {
        try ModelError.checkMatrix(view)
        guard view.shape[0] == tokens.count else {
            throw .wrongShape(view.name, found: view.shape, expected: [tokens.count, view.shape[1]])
        }
        let order = tokens.indices.sorted { tokens[$0] < tokens[$1] }
        self.tokens = order.map { tokens[$0] }
        precondition(zip(self.tokens, self.tokens.dropFirst()).allSatisfy { $0 < $1 }, "a token has two rows")
        precondition((self.tokens.first ?? 0) >= 0, "a token is negative")
        columns = view.shape[1]
        rows = try ModelError.inMemory(of: view.name) { () throws(ResourceError) in
            try FloatBuffer(view.elementCount, for: "token rows")
        }
        ids = .allocate(capacity: tokens.count)
        ids.initialize(from: self.tokens, count: tokens.count)
        for (place, row) in order.enumerated() { view.dequantizeRows(row..<row + 1, into: rows.pointer + place * columns) }
    }

    deinit { ids.deallocate() }

    public var byteCount: Int { Self.byteCount(tokens: tokens.count, columns: columns) }

    package static func byteCount(tokens: Int, columns: Int) -> Int { 4 * tokens * (columns + 1) }

    var view: View { View(ids: ids, rows: rows.pointer, count: tokens.count, columns: columns) }

    /// Borrowed, for inner loops.
    struct View {
        let ids: UnsafePointer<Int32>
        let rows: UnsafePointer<Float>
        let count: Int
        let columns: Int

        /// The place of the first token that is not below `token`. Cost: `O(log tokens)`.
        func place(of token: Int) -> Int {
            var (low, high) = (0, count)
            while low < high {
                let middle = (low + high) / 2
                if Int(ids[middle]) < token { low = middle + 1 } else { high = middle }
            }
            return low
        }

        /// Nil: the token has no row here.
        func row(of token: Int) -> UnsafePointer<Float>? {
            let place = place(of: token)
            return place < count && Int(ids[place]) == token ? rows + place * columns : nil
        }

        /// `logits[t] = rows[t] x` for the tokens within `outputs`.
        func multiply(_ x: UnsafePointer<Float>, outputs: Range<Int>, into logits: UnsafeMutablePointer<Float>) {
            var place = place(of: outputs.lowerBound)
            while place < count, Int(ids[place]) < outputs.upperBound {
                logits[Int(ids[place])] = Kernels.dot(x, rows + place * columns, count: columns)
                place += 1
            }
        }
    }
}
