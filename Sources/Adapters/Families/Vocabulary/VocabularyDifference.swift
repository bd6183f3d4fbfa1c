internal import Models
internal import Tensors

/// How far rows of an adapter's embedding or head are from the base's.
struct VocabularyDifference {
    /// A copy counts as the base's own weights when no row differs by more than this share of its norm, which rounding to 8 bits may do.
    private static let rounding = 0.02

    /// The Frobenius norm of the difference.
    private(set) var norm = 0.0
    /// The greatest distance of a row, relative to the norm of the base's row.
    private(set) var greatestRow = 0.0

    /// Of a whole table, `[vocabulary, hidden]`. Rows of tokens that the base does not have count as a change.
    init(_ table: TensorView, from weights: BaseWeights, _ module: VocabularyModule) {
        let step = BaseWeights.sliceRows(table.columns)
        compare(table, weights, module, stride(from: 0, to: table.rows, by: step).map { first in
            (first..<min(first + step, table.rows), first)
        })
    }

    /// Of some tokens' rows, `[tokens, hidden]`.
    init(_ rows: TensorView, of tokens: [Int32], from weights: BaseWeights, _ module: VocabularyModule) {
        compare(rows, weights, module, tokens.enumerated().map { ($0..<$0 + 1, Int($1)) })
    }

    /// Trained matrices count as the base's when they are equal; copies also when only their element type differs.
    func isBase(asCopy: Bool) -> Bool { asCopy ? greatestRow <= Self.rounding : norm == 0 && greatestRow == 0 }

    /// `slices`: rows of the view, and the token that the first belongs to.
    private mutating func compare(
        _ view: TensorView, _ weights: BaseWeights, _ module: VocabularyModule, _ slices: [(rows: Range<Int>, token: Int)]
    ) {
        let most = slices.map(\.rows.count).max() ?? 0
        let (own, base) = (FloatBuffer(count: most * view.columns), FloatBuffer(count: most * view.columns))
        var sum = 0.0
        let tokens = weights.configuration.vocabulary
        for (rows, token) in slices {
            view.dequantizeRows(rows, into: own.pointer)
            if token < tokens { weights.read(module, token..<min(token + rows.count, tokens), into: base.pointer) }
            for row in 0..<rows.count {
                if token + row >= tokens {
                    let own = own.pointer + row * view.columns
                    sum += Double(Kernels.dot(own, own, count: view.columns))
                    greatestRow = .infinity
                    continue
                }
                let (x, y) = (own.pointer + row * view.columns, base.pointer + row * view.columns)
                let length = Double(Kernels.dot(y, y, count: view.columns))
                Kernels.multiply(y, by: -1, count: view.columns)
                Kernels.add(y, to: x, count: view.columns)
                let square = Double(Kernels.dot(x, x, count: view.columns))
                sum += square
                if square > 0 { greatestRow = max(greatestRow, (square / length).squareRoot()) }
            }
        }
        norm = sum.squareRoot()
    }
}

extension BaseWeights {
    /// Rows of the embedding or of the head as they are in the file, `[tokens, hidden]`.
    func read(_ module: VocabularyModule, _ tokens: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        switch module {
        case .embedding: readEmbedding(tokens, into: target)
        case .head: readHead(tokens, into: target)
        }
    }
}
