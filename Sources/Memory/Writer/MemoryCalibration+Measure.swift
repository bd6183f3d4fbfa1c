public import Models
public import Tensors

extension MemoryCalibration {
    /// The share of the mean diagonal in the covariance.
    private static let smoothing = 0.1
    /// Tokens of an answer that are looked at.
    private static let answerTokens = 40
    private static let randomFacts = 16

    /// Runs the base over the calibration texts. Nil: it was interrupted. Errors: `invalid` for a layer that is not there, `unavailable`
    /// memory. Cost: some 3,000 tokens through the base.
    public static func measure(
        _ base: MemoryBase, site: Int, pool: WorkerPool, interruption: Interruption = Interruption()
    ) throws(MemoryError) -> MemoryCalibration? {
        let renderer = FactRenderer(base)
        var sequences: [RenderedFact] = []
        for turn in CalibrationTexts.turns + CalibrationTexts.randomFacts(randomFacts) {
            var rendered = try renderer.fact(turn.question, turn.answer)
            rendered.answer = Array(rendered.answer.prefix(answerTokens))
            sequences.append(rendered)
        }
        let answers = sequences.count
        for prompt in CalibrationTexts.prompts {
            sequences.append(RenderedFact(prompt: try renderer.prompt(prompt), answer: [0]))
        }
        let desk = try WriterDesk(base, site: site, pool: pool, upperRows: 1, interruption: interruption)
        guard let rows = try desk.prefill.run(sequences, keepsPrompts: false) else { return nil }
        return try MemoryCalibration(base, site: site, rows, answers: answers)
    }

    /// - Parameter answers: sequences that count for mean and covariance; of the turns and of those after them the first row is the end of
    ///   a prompt.
    private init(_ base: MemoryBase, site: Int, _ rows: SiteRows, answers: Int) throws(MemoryError) {
        let (hidden, count) = (base.configuration.hidden, rows.sequences[answers - 1].rows.upperBound)
        var mean = [Double](repeating: 0, count: hidden)
        for row in 0..<count { for index in 0..<hidden { mean[index] += Double(rows.input.pointer[row * hidden + index]) } }
        for index in 0..<hidden { mean[index] /= Double(count) }
        let centred = FloatBuffer(count: count * hidden)
        for row in 0..<count {
            for index in 0..<hidden {
                centred.pointer[row * hidden + index] = Float(Double(rows.input.pointer[row * hidden + index]) - mean[index])
            }
        }
        let gram = FloatBuffer(count: hidden * hidden)
        BLAS.addGram(centred.pointer, rows: count, columns: hidden, scale: 1 / Float(count), into: gram.pointer)
        let trace = (0..<hidden).reduce(0.0) { $0 + Double(gram.pointer[$1 * hidden + $1]) }
        var covariance = [Float](repeating: 0, count: hidden * hidden)
        for row in 0..<hidden {
            for column in 0...row {
                let value = Float((1 - Self.smoothing) * Double(gram.pointer[row * hidden + column]))
                (covariance[row * hidden + column], covariance[column * hidden + row]) = (value, value)
            }
            covariance[row * hidden + row] += Float(Self.smoothing * trace / Double(hidden))
        }
        var square = 0.0
        for index in 0..<count * hidden {
            let value = rows.output.pointer[index] + (base.configuration.outputNorms ? 0 : rows.residual.pointer[index])
            square += Double(value) * Double(value)
        }
        // The random facts' prompts are like those that will be told.
        let unrelated = Array(0..<CalibrationTexts.turns.count) + Array(answers..<rows.sequences.count)
        let prompts = unrelated.flatMap { sequence in
            let start = rows.sequences[sequence].rows.lowerBound * hidden
            return (start..<start + hidden).map { rows.input.pointer[$0] }
        }
        try self.init(
            site: site, baseName: base.name, baseIdentity: base.identity, hidden: hidden,
            residualScale: Float((square / Double(count * hidden)).squareRoot()), mean: mean.map { Float($0) }, covariance: covariance,
            prompts: prompts)
    }
}
