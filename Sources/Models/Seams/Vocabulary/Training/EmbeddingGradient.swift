internal import Tensors

/// The embedding of adapters in training: `e = scale (row[token] + s (Aᵀ[token]) Bᵀ)` with the base's embedding scale, and
///
///     drow[token] += scale de    dA[:, token] += scale s B de    dB += scale s deᵀ Aᵀ[token]
///
/// Sums go over a band's rows in their order.
final class EmbeddingGradient {
    private let configuration: DecoderConfiguration
    private let pool: WorkerPool
    // [rows, padded rank]
    private let low = GrowingFloats()
    private let back = GrowingFloats()

    init(_ configuration: DecoderConfiguration, pool: WorkerPool) {
        self.configuration = configuration
        self.pool = pool
    }

    /// Makes room for a step. Errors: the system has no memory.
    func prepare(_ plan: TrainingPlan) throws(ResourceError) {
        let rank = plan.bands.reduce(0) { max($0, $1.adapter.vocabulary?.embedding?.paddedRank ?? 0) }
        try low.grow(to: plan.rows * rank)
        try back.grow(to: plan.rows * rank)
    }

    /// Bands that change their embedding.
    private func each(_ plan: TrainingPlan, _ body: (Range<Int>, TrainableVocabulary) -> Void) {
        for band in plan.bands {
            if let vocabulary = band.adapter.vocabulary, vocabulary.trainsEmbedding { body(band.rows, vocabulary) }
        }
    }

    /// `Aᵀ[token]` of some rows, times the embedding scale.
    private func gather(_ map: TrainableMap, _ plan: TrainingPlan, _ rows: Range<Int>) {
        let stride = map.paddedRank
        for row in rows {
            (low.pointer + row * stride).update(from: map.shrinking.pointer + Int(plan.tokens[row]) * stride, count: stride)
            Kernels.multiply(low.pointer + row * stride, by: configuration.embeddingScale, count: stride)
        }
    }

    /// Changes x, which has the base's embeddings times their scale, `[rows, hidden]`.
    func forward(_ plan: TrainingPlan, _ x: FloatBuffer) {
        let hidden = configuration.hidden
        each(plan) { rows, vocabulary in
            pool.run { thread in
                let own = rows.slice(of: thread, threads: pool.threads)
                if own.isEmpty { return }
                if let trained = vocabulary.embeddingRows {
                    for row in own {
                        guard let place = trained.place(of: plan.tokens[row]) else { continue }
                        let e = x.pointer + row * hidden
                        e.update(from: trained.values + place * hidden, count: hidden)
                        if configuration.embeddingScale != 1 { Kernels.multiply(e, by: configuration.embeddingScale, count: hidden) }
                    }
                }
                guard let map = vocabulary.embedding else { return }
                gather(map, plan, own)
                Kernels.matmul(
                    .init(low.pointer + own.lowerBound * map.paddedRank, rowStride: map.paddedRank),
                    .init(map.expanding.pointer, rowStride: hidden), into: x.pointer + own.lowerBound * hidden, cStride: hidden,
                    rows: own.count, columns: hidden, depth: map.rank, adds: true)
            }
        }
    }

    /// - Parameter dx: of the first layer's input, `[rows, hidden]`.
    func backward(_ plan: TrainingPlan, _ dx: FloatBuffer) {
        let (hidden, scale) = (configuration.hidden, configuration.embeddingScale)
        each(plan) { rows, vocabulary in
            if let trained = vocabulary.embeddingRows {
                pool.run { thread in
                    let columns = (0..<hidden).slice(of: thread, threads: pool.threads)
                    for row in rows {
                        guard let place = trained.place(of: plan.tokens[row]) else { continue }
                        Kernels.addScaled(
                            dx.pointer + row * hidden + columns.lowerBound, by: scale,
                            to: trained.gradient + place * hidden + columns.lowerBound, count: columns.count)
                    }
                }
            }
            if let map = vocabulary.embedding { differentiate(map, plan, rows, dx) }
        }
    }

    private func differentiate(_ map: TrainableMap, _ plan: TrainingPlan, _ rows: Range<Int>, _ dx: FloatBuffer) {
        guard let gradientA = map.gradient.a, let gradientB = map.gradient.b else { return }
        let (hidden, rank, stride, vocabulary) = (configuration.hidden, map.rank, map.paddedRank, map.inputs)
        pool.run { thread in
            let own = rows.slice(of: thread, threads: pool.threads)
            if own.isEmpty { return }
            gather(map, plan, own)
            Kernels.multiply(low.pointer + own.lowerBound * stride, by: map.scale, count: own.count * stride)
            Kernels.matmul(
                .init(dx.pointer + own.lowerBound * hidden, rowStride: hidden), .init(map.backward.pointer, rowStride: stride),
                into: back.pointer + own.lowerBound * stride, cStride: stride, rows: own.count, columns: stride, depth: hidden, adds: false)
        }
        for row in rows {
            let slopes = back.pointer + row * stride
            for index in 0..<rank {
                gradientA[index * vocabulary + Int(plan.tokens[row])] += configuration.embeddingScale * slopes[index]
            }
        }
        pool.run { thread in
            let outputs = (0..<hidden).slice(of: thread, threads: pool.threads)
            Kernels.matmul(
                .init(dx.pointer + rows.lowerBound * hidden + outputs.lowerBound, rowStride: 1, columnStride: hidden),
                .init(low.pointer + rows.lowerBound * stride, rowStride: stride), into: gradientB + outputs.lowerBound * rank, cStride: rank,
                rows: outputs.count, columns: rank, depth: rows.count, adds: true)
        }
    }
}
