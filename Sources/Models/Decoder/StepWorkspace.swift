public import Tensors

/// Computes steps of a decoder: tokens in, logits out. It holds the working memory of a step; the weights are shared.
///
/// Isolation: each engine and each measurement owns a workspace, and one thread uses it at a time. Several workspaces on the same
/// weights may step at the same time. Those that share a worker pool are served in order of arrival.
public final class StepWorkspace {
    public let weights: DecoderWeights
    /// Rows that go through the layers together. `step` takes any number of rows and cuts them into parts.
    public let maximumRows: Int
    /// Where the time of its steps goes, on the fast path; nil: they are not measured. Its threads are the pool's.
    public var profile: StepProfile? {
        didSet { if case .fast(let decoder) = path { decoder.profile = profile } }
    }
    private let plan: RowPlan
    private let path: Path

    private enum Path {
        case fast(FastDecoder)
        case reference(ReferenceDecoder)
    }

    /// Makes room for `maximumRows` rows. `pool` computes the fast path; the reference path uses the caller's thread and those of
    /// OpenBLAS. Errors: `noMemory`.
    public init(_ weights: DecoderWeights, pool: WorkerPool, maximumRows: Int = 512) throws(ModelError) {
        precondition(maximumRows > 0, "a workspace for \(maximumRows) rows was asked for")
        self.weights = weights
        self.maximumRows = maximumRows
        do throws(ResourceError) {
            plan = try RowPlan(capacity: maximumRows, configuration: weights.configuration)
            switch weights.storage {
            case .packed(let packed): path = .fast(try FastDecoder(packed, pool: pool, plan: plan))
            case .file(let file): path = .reference(try ReferenceDecoder(file, plan: plan))
            }
        } catch {
            throw ModelError(error)
        }
    }

    /// Computes the batch's rows, stores their keys and values in `cache`, and writes `[batch.logitsRows, vocabulary]` f32 to
    /// `logits`, in the order of the runs, `stride` elements apart (`vocabulary` where none is given). A row under an adapter with tokens of its
    /// own has their logits as well: the stride then leaves room for them (`DecoderWeights.logitsStride`).
    ///
    /// Rows of different runs never influence each other, and a run gives the same bits however its tokens are cut into
    /// steps. A run may read blocks that an earlier run of the batch fills. The caller has checked that tokens are in the
    /// vocabulary, that blocks reach the last position and are in the cache, and that deltas fit the model
    /// (`AdapterDelta.validate`); these are preconditions. The fast path allocates nothing once a step of the same size has run.
    ///
    /// - Parameters:
    ///   - trace: receives the logits and weights of its adapter's routers, row by row of the batch; no other adapter of the batch may
    ///     have routers then.
    ///   - feedForward: receives what its layer's feed-forward reads and makes. No bit of the results depends on it.
    ///   - entry: where the step begins; the rows' tokens are not read then. On the fast path the logits have the bits of a whole step, as
    ///     long as no delta acts before the entry.
    public func step(
        _ batch: StepBatch, cache: KeyValueCache, logits: UnsafeMutablePointer<Float>, stride: Int? = nil, trace: ExpertTrace? = nil,
        feedForward: FeedForwardTrace? = nil, from entry: FeedForwardEntry? = nil
    ) {
        let vocabulary = weights.configuration.vocabulary
        let logits = LogitRows(pointer: logits, stride: stride ?? vocabulary)
        precondition(logits.stride >= vocabulary, "rows of logits lie \(logits.stride) elements apart, the vocabulary has \(vocabulary)")
        check(batch, cache, trace, logits.stride)
        precondition(
            feedForward.map { $0.hidden == weights.configuration.hidden && batch.tokens.count <= $0.rows } ?? true,
            "a trace of a feed-forward has fewer rows than the step, or is of another decoder")
        precondition(
            entry.map { 0..<weights.configuration.layers ~= $0.layer } ?? true, "a step begins in a layer that the decoder does not have")
        var written = 0
        plan.clear()
        trace?.clear()
        plan.trace = trace?.view
        plan.feedForwardTrace = feedForward?.view
        plan.entry = entry
        for run in batch.runs {
            var start = 0
            while start < run.tokens.count {
                start += plan.append(run, from: start, of: batch)
                if plan.isFull { flush(cache, logits, &written) }
            }
        }
        if plan.rows > 0 { flush(cache, logits, &written) }
        plan.trace = nil
        plan.feedForwardTrace = nil
        plan.entry = nil
        withExtendedLifetime((batch, trace, feedForward)) {}
    }

    private func flush(_ cache: KeyValueCache, _ logits: LogitRows, _ written: inout Int) {
        let target = logits.from(written)
        switch path {
        case .fast(let decoder): decoder.run(cache: cache, logits: target)
        case .reference(let decoder): decoder.run(cache: cache, logits: target)
        }
        written += plan.logitsCount
        plan.trace = plan.trace?.advanced(by: plan.rows)
        plan.feedForwardTrace = plan.feedForwardTrace?.advanced(by: plan.rows)
        plan.entry = plan.entry?.advanced(by: plan.rows, hidden: weights.configuration.hidden)
        plan.clear()
    }

    private func check(_ batch: StepBatch, _ cache: KeyValueCache, _ trace: ExpertTrace?, _ stride: Int) {
        let (configuration, precision) = (weights.configuration, weights.precision)
        if let trace {
            precondition(batch.runs.reduce(0) { $0 + $1.tokens.count } <= trace.rows, "a trace has fewer rows than the step")
            precondition(
                batch.runs.allSatisfy { $0.delta == nil || $0.delta === trace.delta || $0.delta?.mixtures == nil },
                "a step with a trace has another adapter with routers")
        }
        precondition(cache.fits(configuration, precision), "the cache was made for another decoder")
        for run in batch.runs {
            precondition(
                run.tokens.lowerBound >= 0 && run.tokens.upperBound <= batch.tokens.count, "a run names tokens outside its batch")
            precondition(
                run.startPosition >= 0
                    && run.startPosition + run.tokens.count <= run.blocks.count * KeyValueCache.blockTokens,
                "a run's blocks end before its last token")
            precondition(run.blocks.allSatisfy { 0..<Int32(cache.blocks) ~= $0 }, "a run names a block outside the cache")
            precondition(run.delta?.fits(configuration, precision) ?? true, "a run's delta does not fit the model or the path")
            let tokens = configuration.vocabulary + (run.delta?.addedTokens(beside: configuration.vocabulary) ?? 0)
            precondition(stride >= tokens || run.logits == .none, "rows of logits have no room for the tokens of an adapter")
            for token in batch.tokens[run.tokens] {
                precondition(0..<Int32(tokens) ~= token, "a token is outside the vocabulary")
            }
        }
    }
}
