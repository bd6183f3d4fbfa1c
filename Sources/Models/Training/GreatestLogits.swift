internal import Tensors

/// The tokens with the greatest logits of some rows, gathered as the vocabulary goes by.
struct GreatestLogits {
    /// Tokens of a row that are kept.
    let count: Int
    // [rows, count] each, the greatest first
    private var values: [Float]
    private var tokens: [Int32]

    /// Logits that are compared at once.
    private static let block = 64

    init(rows: Int, count: Int) {
        self.count = count
        values = [Float](repeating: -.infinity, count: rows * count)
        tokens = [Int32](repeating: -1, count: rows * count)
    }

    /// Of a row, the greatest first.
    subscript(row: Int) -> [Int32] { tokens[row * count..<(row + 1) * count].filter { $0 >= 0 } }

    /// Gives a thread the rows that it alone changes.
    mutating func withRows(_ body: (Rows) -> Void) {
        let count = count
        values.withUnsafeMutableBufferPointer { values in
            tokens.withUnsafeMutableBufferPointer { tokens in
                guard let values = values.baseAddress, let tokens = tokens.baseAddress else { return }
                body(Rows(count: count, values: values, tokens: tokens))
            }
        }
    }

    struct Rows {
        fileprivate let count: Int
        fileprivate let values: UnsafeMutablePointer<Float>
        fileprivate let tokens: UnsafeMutablePointer<Int32>

        /// Takes the logits of consecutive tokens.
        func add(_ logits: UnsafePointer<Float>, _ range: Range<Int>, to row: Int) {
            let (values, tokens) = (values + row * count, tokens + row * count)
            for first in stride(from: 0, to: range.count, by: GreatestLogits.block) {
                let size = min(GreatestLogits.block, range.count - first)
                let best = Kernels.maximumIndex(logits + first, count: size)
                guard logits[first + best] > values[count - 1] else { continue }
                for place in first..<first + size where logits[place] > values[count - 1] {
                    var rank = count - 1
                    while rank > 0, logits[place] > values[rank - 1] {
                        (values[rank], tokens[rank]) = (values[rank - 1], tokens[rank - 1])
                        rank -= 1
                    }
                    (values[rank], tokens[rank]) = (logits[place], Int32(range.lowerBound + place))
                }
            }
        }
    }
}
