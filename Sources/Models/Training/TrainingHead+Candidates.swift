internal import Glibc
internal import Tensors

/// A step's targets whose probabilities are taken among some tokens of the vocabulary.
struct CandidateTargets {
    /// Of the plan's targets.
    var targets: Range<Int>
    /// Ascending, the targets among them.
    var tokens: [Int32]
}

/// Cross entropy over a part of the vocabulary: a lower bound of that over all of it, for a small part of its cost. The rows of the matrix
/// are f32 here.
extension TrainingHead {
    /// Of a thread.
    final class CandidateScratch {
        /// `[tokens, hidden]`
        let matrix = GrowingFloats()
        /// `[hidden, targets]`
        let turned = GrowingFloats()
        /// `[tokens, targets]`
        let columns = GrowingFloats()
        /// `[targets, tokens]`
        let lines = GrowingFloats()
    }

    /// As `forward` with gradients, each group among its own tokens. The groups cover all targets, of which no adapter changes the head.
    func forward(
        _ plan: TrainingPlan, _ residual: FloatBuffer, _ finalNorm: FloatBuffer, among groups: [CandidateTargets]
    ) -> [Float] {
        normalise(plan, residual, finalNorm)
        var logarithms = [Float](repeating: 0, count: plan.targets.count)
        logarithms.withUnsafeMutableBufferPointer { logarithms in
            guard let start = logarithms.baseAddress else { return }
            pool.run { thread in
                for index in stride(from: thread, to: groups.count, by: pool.threads) {
                    pool.giveWay()
                    run(groups[index], plan, candidateScratch[thread], into: start)
                }
            }
        }
        return logarithms
    }

    private func run(
        _ group: CandidateTargets, _ plan: TrainingPlan, _ scratch: CandidateScratch, into logarithms: UnsafeMutablePointer<Float>
    ) {
        let (hidden, targets, tokens) = (configuration.hidden, group.targets.count, group.tokens)
        scratch.matrix.reserve(tokens.count * hidden)
        scratch.turned.reserve(hidden * targets)
        scratch.columns.reserve(tokens.count * targets)
        scratch.lines.reserve(targets * tokens.count)
        let (matrix, turned, lines) = (scratch.matrix.pointer, scratch.turned.pointer, scratch.lines.pointer)
        for (place, token) in tokens.enumerated() { self.matrix.read(Int(token), into: matrix + place * hidden) }
        let x = normed.pointer + group.targets.lowerBound * hidden
        for row in 0..<targets { for place in 0..<hidden { turned[place * targets + row] = x[row * hidden + place] } }
        Kernels.matmul(
            .init(matrix, rowStride: hidden), .init(turned, rowStride: targets), into: scratch.columns.pointer, cStride: targets,
            rows: tokens.count, columns: targets, depth: hidden, adds: false)
        for (row, target) in group.targets.enumerated() {
            let line = lines + row * tokens.count
            for place in tokens.indices { line[place] = scratch.columns.pointer[place * targets + row] }
            let token = Self.place(of: plan.targets[target], in: tokens)
            let logit = line[token]
            let logarithm = Kernels.softmaxLogSumExp(line, scale: 1, count: tokens.count)
            line[token] -= 1
            logarithms[target] = logit - logarithm
        }
        Kernels.matmul(
            .init(lines, rowStride: tokens.count), .init(matrix, rowStride: hidden),
            into: slopes.pointer + group.targets.lowerBound * hidden, cStride: hidden, rows: targets, columns: hidden, depth: tokens.count,
            adds: false)
    }

    private static func place(of token: Int32, in tokens: [Int32]) -> Int {
        var (low, high) = (0, tokens.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if tokens[middle] < token { low = middle + 1 } else { high = middle }
        }
        precondition(tokens.indices ~= low && tokens[low] == token, "target \(token) is not among its candidates")
        return low
    }
}

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
