internal import Tensors

/// One linear map of an adapter in training, as steps read it: pointers into the adapter's buffers, and the matrices in the layouts that
/// the products need. Isolation: that of its `TrainableAdapter`.
final class TrainableMap {
    let outputs: Int
    let inputs: Int
    /// Of all experts together. 0: no low-rank product.
    let rank: Int
    /// 1 without a mixture. Their A are one matrix `[rank, inputs]`; each B is a matrix of its own.
    let experts: Int
    /// Weights the experts row by row; nil: there is one expert, or the caller weights them.
    let router: TrainableRouter?
    /// The rank rounded up to whole vectors; the distance between rows of `[rows, rank]` activations.
    let paddedRank: Int
    let scale: Float
    /// `[rank, inputs]`; nil without a low-rank product.
    let a: UnsafePointer<Float>?
    /// `[outputs, rank]`; of experts `[experts, outputs, rank / experts]`.
    let b: UnsafePointer<Float>?
    let magnitude: UnsafePointer<Float>?
    let outputScale: UnsafePointer<Float>?
    /// The output scale multiplies the base's bias, too (IA³).
    var scalesBias: Bool { magnitude == nil && outputScale != nil }
    let inputScale: UnsafePointer<Float>?
    let rankFactors: UnsafePointer<Float>?
    let outputFactors: UnsafePointer<Float>?
    let gradient: Gradient

    /// Nil: not trained.
    struct Gradient {
        var a: UnsafeMutablePointer<Float>?
        var b: UnsafeMutablePointer<Float>?
        /// Of DoRA's magnitude, or of IA³'s output factors.
        var outputScale: UnsafeMutablePointer<Float>?
        var inputScale: UnsafeMutablePointer<Float>?
        var rankFactors: UnsafeMutablePointer<Float>?
        var outputFactors: UnsafeMutablePointer<Float>?
    }

    // Copies in other layouts. B is times `scale`, so that products need no factor.
    /// A transposed, `[inputs, paddedRank]`.
    let shrinking: FloatBuffer
    /// B transposed, `[rank, outputs]`.
    let expanding: FloatBuffer
    /// B, `[outputs, paddedRank]`.
    let backward: FloatBuffer
    /// DoRA: `[outputs]`, the norms of the rows of `W + scale B A`, and the scale that follows from them.
    private let norms: FloatBuffer
    private let decomposedScale: FloatBuffer
    /// Keeps given matrices alive.
    private let form: TrainableForm

    init(
        _ form: TrainableForm, _ shape: (outputs: Int, inputs: Int), _ tensors: [ParameterTensor],
        parameters: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>
    ) throws(ResourceError) {
        // Of experts the first one's; the others follow.
        func own(_ kind: ParameterTensor.Kind) -> Int? { tensors.first { $0.kind == kind }?.offset }
        func value(_ kind: ParameterTensor.Kind) -> UnsafePointer<Float>? { own(kind).map { UnsafePointer(parameters + $0) } }
        func gradient(_ kind: ParameterTensor.Kind) -> UnsafeMutablePointer<Float>? { own(kind).map { gradients + $0 } }
        self.form = form
        (outputs, inputs) = shape
        var (isDecomposed, experts, selection) = (false, 1, ExpertSelection?.none)
        switch form {
        case .lowRank(let rank, let scale): (self.rank, self.scale, a, b) = (rank, scale, value(.a), value(.b))
        case .decomposed(let rank, let scale): (self.rank, self.scale, a, b, isDecomposed) = (rank, scale, value(.a), value(.b), true)
        case .factors(let a, let b, let rank):
            precondition(a.count >= rank * shape.inputs && b.count >= rank * shape.outputs, "shared matrices are too small")
            (self.rank, scale, self.a, self.b) = (rank, 1, UnsafePointer(a.pointer), UnsafePointer(b.pointer))
        case .outputScale, .inputScale: (rank, scale, a, b) = (0, 1, nil, nil)
        case .experts(let form, let chosen):
            (experts, selection) = (form.experts, chosen)
            (rank, scale, a, b) = (form.experts * form.rank, form.scale, value(.a), value(.b))
        }
        self.experts = experts
        router = selection.flatMap { selection in
            tensors.first { $0.kind == .router }.map { TrainableRouter(selection, $0, parameters: parameters, gradients: gradients) }
        }
        paddedRank = (rank + 15) / 16 * 16
        let purpose = "an adapter in training"
        shrinking = try FloatBuffer(shape.inputs * paddedRank, for: purpose)
        expanding = try FloatBuffer(rank * shape.outputs, for: purpose)
        backward = try FloatBuffer(shape.outputs * paddedRank, for: purpose)
        norms = try FloatBuffer(isDecomposed ? shape.outputs : 0, for: purpose)
        decomposedScale = try FloatBuffer(isDecomposed ? shape.outputs : 0, for: purpose)
        magnitude = value(.magnitude)
        outputScale = magnitude == nil ? value(.outputScale) : UnsafePointer(decomposedScale.pointer)
        inputScale = value(.inputScale)
        rankFactors = value(.rankFactors)
        outputFactors = value(.outputFactors)
        self.gradient = Gradient(
            a: gradient(.a), b: gradient(.b), outputScale: gradient(.magnitude) ?? gradient(.outputScale),
            inputScale: gradient(.inputScale), rankFactors: gradient(.rankFactors), outputFactors: gradient(.outputFactors))
    }

    /// Of one expert.
    var expertRank: Int { rank / experts }

    /// Bytes of the copies in other layouts.
    var copyBytes: Int { 4 * (shrinking.count + expanding.count + backward.count) }

    /// The norms by which the gradient of the output scale is divided to be the magnitude's; nil: it is the trained tensor itself.
    var magnitudeNorms: UnsafePointer<Float>? { magnitude == nil ? nil : UnsafePointer(norms.pointer) }

    /// Brings A and B into the layouts of the products.
    func pack() {
        guard let a, let b else { return }
        for row in 0..<rank {
            for input in 0..<inputs { shrinking.pointer[input * paddedRank + row] = a[row * inputs + input] }
        }
        for expert in 0..<experts {
            let (own, first) = (b + expert * outputs * expertRank, expert * expertRank)
            for output in 0..<outputs {
                for column in 0..<expertRank {
                    let value = scale * own[output * expertRank + column]
                    expanding.pointer[(first + column) * outputs + output] = value
                    backward.pointer[output * paddedRank + first + column] = value
                }
            }
        }
    }

    /// DoRA: the norms of the rows of `W + scale B A` without forming them. With `K = W Aᵀ`:
    /// `norm² = |W_o|² + 2 scale ⟨B_o, K_o⟩ + scale² ⟨B_o (A Aᵀ), B_o⟩`, sums in f64.
    func updateNorms(_ weights: WeightRows, pool: WorkerPool) {
        guard let a, let b, let magnitude else { return }
        var square = [Double](repeating: 0, count: rank * rank)
        for i in 0..<rank {
            for j in 0...i {
                var sum = 0.0
                for input in 0..<inputs { sum += Double(a[i * inputs + input]) * Double(a[j * inputs + input]) }
                (square[i * rank + j], square[j * rank + i]) = (sum, sum)
            }
        }
        let (rank, inputs, scale, products) = (rank, inputs, Double(scale), square)
        pool.run { thread in
            let row = FloatBuffer(count: inputs)
            let shrunk = FloatBuffer(count: rank)
            for output in WorkerPool.slice(outputs, of: thread, threads: pool.threads) {
                weights.read(output, into: row.pointer)
                Kernels.dots(row.pointer, a, rowCount: rank, count: inputs, into: shrunk.pointer)
                let factors = b + output * rank
                var sum = Double(Kernels.dot(row.pointer, row.pointer, count: inputs))
                for i in 0..<rank {
                    var inner = 0.0
                    for j in 0..<rank { inner += products[i * rank + j] * Double(factors[j]) }
                    sum += Double(factors[i]) * (2 * scale * Double(shrunk.pointer[i]) + scale * scale * inner)
                }
                norms.pointer[output] = Float(max(sum, 0).squareRoot())
                // A row of zeros has no direction: it stays as it is.
                decomposedScale.pointer[output] = norms.pointer[output] == 0 ? 1 : magnitude[output] / norms.pointer[output]
            }
        }
    }
}
