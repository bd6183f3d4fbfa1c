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
