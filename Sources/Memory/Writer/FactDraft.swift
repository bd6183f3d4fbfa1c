internal import Models
internal import Tensors

/// A fact that is being written: its keys, which are fixed, and its values, which are trained.
final class FactDraft {
    /// In the call.
    let index: Int
    /// The question, its wordings by rule and those that were told, with the answer; all answers have as many tokens.
    let variants: [RenderedFact]
    /// Of its sequences in the batch's `SiteRows`.
    let sequences: Range<Int>
    let rows: Range<Int>
    /// A, `[rank, hidden]`, bf16, and `c = -A mu`.
    let inner: [UInt16]
    let offsets: [Float]
    /// `A x + c`, `[rows, rank]`: what no step changes.
    let shrunk: FloatBuffer
    /// B transposed, `[rank, hidden]`, with its gradient and Adam's moments.
    let outer: FloatBuffer
    let gradient: FloatBuffer
    private let first: FloatBuffer
    private let second: FloatBuffer
    private let hidden: Int

    /// What the next pass computes.
    enum Pass {
        /// A look at the engine, over the whole vocabulary: says whether it is done, and which tokens compete.
        case whole
        /// Cross entropies among the candidates, with gradients.
        case candidates
    }

    private(set) var next = Pass.whole
    /// The sequences that it computes. Before the first step the question alone says which tokens compete.
    var nextSequences: Range<Int> {
        next == .whole && steps == 0 ? sequences.lowerBound..<sequences.lowerBound + 1 : sequences
    }
    /// The answer's tokens and those that competed with them in whole passes, ascending; at most `mostCandidates`.
    private(set) var candidates: [Int32] = []
    /// How much each token competed.
    private var competing: [Int32: Int] = [:]
    /// Steps so far.
    private(set) var steps = 0
    /// Passes among the candidates so far.
    private var passes = 0
    /// The cross entropy of each row's token, as it was last computed.
    private var entropies: [Float]
    /// The mean cross entropy of a token before each step, and after the last; before the first step, of the question's.
    private(set) var losses: [Float] = []
    /// Since the last whole pass.
    private var hasMoved = false
    /// Every token is below the stop: nothing changes any more.
    private(set) var isDone = false
    /// The greatest cross entropy of a token.
    var worst: Float { entropies.reduce(0, max) }

    var rank: Int { offsets.count }

    /// - Parameter keys: A, `[rank, hidden]`, f32.
    init(
        index: Int, variants: [RenderedFact], sequences: Range<Int>, _ site: SiteRows, keys: [Float], _ calibration: MemoryCalibration
    ) {
        (self.index, self.variants, self.sequences, hidden) = (index, variants, sequences, calibration.hidden)
        let (rank, hidden) = (keys.count / calibration.hidden, calibration.hidden)
        var halves = [UInt16](repeating: 0, count: keys.count)
        Kernels.round(keys, count: keys.count, into: &halves)
        // The offsets are those of the rounded keys.
        var rounded = [Float](repeating: 0, count: keys.count)
        Kernels.widen(halves, count: keys.count, into: &rounded)
        let offsets = (0..<rank).map { row in
            -Float((0..<hidden).reduce(0.0) { $0 + Double(rounded[row * hidden + $1]) * Double(calibration.mean[$1]) })
        }
        (inner, self.offsets) = (halves, offsets)
        let rows = site.sequences[sequences.lowerBound].rows.lowerBound..<site.sequences[sequences.upperBound - 1].rows.upperBound
        let shrunk = FloatBuffer(count: rows.count * rank)
        halves.withUnsafeBytes { a in
            guard let a = a.baseAddress else { return }
            Kernels.lowRankShrink(
                site.input.pointer + rows.lowerBound * hidden, stride: hidden, rows: rows.count, a: a, element: .bf16, rank: rank,
                inputs: hidden, scale: 1, into: shrunk.pointer, outputStride: rank)
        }
        for row in 0..<rows.count { for place in 0..<rank { shrunk.pointer[row * rank + place] += offsets[place] } }
        (self.rows, self.shrunk) = (rows, shrunk)
        entropies = [Float](repeating: .infinity, count: rows.count)
        outer = FloatBuffer(count: rank * hidden)
        gradient = FloatBuffer(count: rank * hidden)
        first = FloatBuffer(count: rank * hidden)
        second = FloatBuffer(count: rank * hidden)
    }

    /// One step of Adam (Kingma and Ba 2015) along the gradient.
    func move(rate: Float) {
        steps += 1
        let (beta1, beta2): (Float, Float) = (0.9, 0.999)
        var (power1, power2): (Float, Float) = (1, 1)
        for _ in 0..<steps { (power1, power2) = (power1 * beta1, power2 * beta2) }
        let (step, correction) = (rate / (1 - power1), 1 / (1 - power2))
        let (g, m, v, values) = (gradient.pointer, first.pointer, second.pointer, outer.pointer)
        for index in 0..<rank * hidden {
            m[index] = beta1 * m[index] + (1 - beta1) * g[index]
            v[index] = beta2 * v[index] + (1 - beta2) * g[index] * g[index]
            values[index] -= step * m[index] / ((v[index] * correction).squareRoot() + 1e-8)
        }
    }

    /// Passes among the candidates in which all rows are computed; later ones compute those that are not far below the stop.
    private static let fullPasses = 2
    /// Of the stop: with all rows below it among the candidates, a whole pass is worth its time.
    private static let margin: Float = 0.8
    /// Of the stop: rows below it are left out.
    private static let farBelow: Float = 0.1

    /// The rows of a sequence whose prediction the next pass computes, from the sequence's first on.
    func open(_ sequence: Range<Int>, stop: Float) -> [Int] {
        let places = Array(0..<sequence.count)
        if next == .whole || passes < Self.fullPasses { return places }
        return places.filter { entropies[sequence.lowerBound - rows.lowerBound + $0] >= Self.farBelow * stop }
    }

    /// A row's new cross entropy. A value that is no number counts as infinite.
    func note(_ entropy: Float, row: Int) { entropies[row - rows.lowerBound] = entropy.isFinite ? entropy : .infinity }

    private static let mostCandidates = 2048

    /// Likely tokens of a row, in a whole pass. Once there were steps, they are of a row that is above the stop, and count more.
    func compete(_ tokens: [Int32]) {
        for token in tokens { competing[token, default: 0] += steps == 0 ? 1 : rows.count }
    }

    /// After a pass over the whole vocabulary.
    func finishWhole(stop: Float) {
        isDone = worst < stop
        if steps == 0 || isDone { losses.append(mean) }
        if isDone { return }
        let answer = Set(variants[0].answer)
        let others = competing.filter { !answer.contains($0.key) }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        candidates = (answer + others.prefix(Self.mostCandidates - answer.count).map(\.key)).sorted()
        next = .candidates
    }

    /// After a pass among the candidates: a whole pass follows, or a step.
    func finishCandidates(stop: Float) {
        passes += 1
        guard worst < Self.margin * stop, hasMoved else {
            if steps > 0 { losses.append(mean) }
            return hasMoved = true
        }
        (next, hasMoved) = (.whole, false)
    }

    private var mean: Float {
        let known = steps == 0 ? entropies.prefix(rank) : entropies[...]
        return known.reduce(0, +) / Float(known.count)
    }

    /// With the values rounded.
    func experts(site: Int) -> FactExperts {
        var halves = [UInt16](repeating: 0, count: outer.count)
        Kernels.round(outer.pointer, count: outer.count, into: &halves)
        return FactExperts(site: site, hidden: hidden, inner: inner, offsets: offsets, outer: halves)
    }
}
