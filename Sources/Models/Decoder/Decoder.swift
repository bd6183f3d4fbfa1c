public import Tensors

/// A Llama-family decoder: tokens in, logits out. The base model is never mutated; adapters come with the step.
///
/// Isolation: `step` belongs to one thread, the engine's. `@unchecked Sendable`: scratch memory is the only state, and only
/// `step` touches it; the batch invariance tests would catch two steps at once.
public final class Decoder: @unchecked Sendable {
    public enum Precision: String, Sendable, CaseIterable {
        /// Packed weights, int8 activations in blocks of 32, f16, bf16 or int8 keys and values.
        case fast
        /// Weights dequantised to f32 as they are used, sgemm, f32 keys and values: slow, and exact against `transformers`.
        case reference
    }

    public let configuration: DecoderConfiguration
    public let precision: Precision
    /// Of the caches that it makes; the reference path has f32.
    public let keyValueFormat: KeyValueFormat
    /// Rows that go through the layers together; `step` takes any number and cuts.
    public let maximumRows: Int
    private let plan: StepPlan
    private let path: Path

    private enum Path {
        case fast(FastDecoder)
        case reference(ReferenceDecoder)
    }

    /// Reads the weights; for the fast path packs them and gives the file's pages back. Memory: the packed weights, and scratch
    /// of `maximumRows` rows. Errors: `malformed` weights that are not finite.
    public init(
        _ files: ModelFiles, precision: Precision, pool: WorkerPool, keyValueFormat: KeyValueFormat = .f16,
        maximumRows: Int = 512
    ) throws(ModelError) {
        precondition(maximumRows > 0, "a step has room for a row")
        configuration = files.configuration
        self.precision = precision
        self.keyValueFormat = keyValueFormat
        self.maximumRows = maximumRows
        plan = StepPlan(capacity: maximumRows, configuration: files.configuration)
        switch precision {
        case .fast: path = .fast(try FastDecoder(files, pool: pool, plan: plan))
        case .reference: path = .reference(ReferenceDecoder(files, plan: plan))
        }
    }

    /// Bytes of weights in memory: the packed ones of the fast path; 0 for the reference, which leaves them in the file.
    public var weightBytes: Int {
        switch path {
        case .fast(let decoder): decoder.weightBytes
        case .reference: 0
        }
    }

    /// Bytes of one projection's packed weights; 0 for the reference.
    func packedBytes(_ layer: Int, _ projection: Projection) -> Int {
        guard case .fast(let decoder) = path else { return 0 }
        return decoder.linears[layer * Projection.allCases.count + projection.rawValue].matrix.byteCount
    }

    /// The same of the vocabulary projection.
    var packedHeadBytes: Int {
        guard case .fast(let decoder) = path else { return 0 }
        return decoder.head.byteCount
    }

    /// A cache of `blocks * KeyValueCache.blockTokens` positions for this decoder, in its own format unless another is named.
    public func makeCache(blocks: Int, format: KeyValueFormat? = nil) -> KeyValueCache {
        let element: Kernels.KeyValueElement =
            switch (precision, format ?? keyValueFormat) {
            case (.reference, _): .f32
            case (.fast, .f16): .f16
            case (.fast, .bf16): .bf16
            case (.fast, .int8): .int8
            }
        return KeyValueCache(blocks: blocks, configuration: configuration, element: element)
    }

    /// Elements between rows of logits that a step writes fastest: rows that lie whole pages apart share the sets of a cache
    /// and push each other out (at 32 rows of 49,152 a quarter of the vocabulary projection's time).
    public var logitsStride: Int {
        let lines = (configuration.vocabulary + 15) / 16
        return 16 * (lines % 64 == 0 ? lines + 1 : lines)
    }

    /// Computes the batch's rows, stores their keys and values in `cache`, and writes `[batch.logitsRows, vocabulary]` f32 to
    /// `logits`, in the order of the runs, `stride` elements apart (without one, `vocabulary`).
    ///
    /// Rows of different runs never influence each other, and a run gives the same bits however its tokens are cut into
    /// steps. A run may read blocks that an earlier run of the batch fills. Engine thread only. The caller has checked
    /// that tokens are in the vocabulary, that blocks reach the last position and are in the cache, and that deltas fit the
    /// model (`AdapterDelta.validate`); these are preconditions. Nothing is allocated once a step of the same size has run.
    ///
    /// What the routers of `trace`'s adapter give goes there, row by row of the batch; no other adapter of the batch has routers then.
    public func step(
        _ batch: StepBatch, cache: KeyValueCache, logits: UnsafeMutablePointer<Float>, stride: Int? = nil, trace: ExpertTrace? = nil
    ) {
        let logits = LogitRows(pointer: logits, stride: stride ?? configuration.vocabulary)
        precondition(logits.stride >= configuration.vocabulary, "a row of logits has room for the vocabulary")
        check(batch, cache, trace)
        var written = 0
        plan.clear()
        trace?.clear()
        plan.trace = trace?.span
        for run in batch.runs {
            var start = 0
            while start < run.tokens.count {
                start += plan.append(run, from: start, of: batch)
                if plan.isFull { flush(cache, logits, &written) }
            }
        }
        if plan.rows > 0 { flush(cache, logits, &written) }
        plan.trace = nil
        withExtendedLifetime((batch, trace)) {}
    }

    private func flush(_ cache: KeyValueCache, _ logits: LogitRows, _ written: inout Int) {
        let target = logits.from(written)
        switch path {
        case .fast(let decoder): decoder.run(cache: cache, logits: target)
        case .reference(let decoder): decoder.run(cache: cache, logits: target)
        }
        written += plan.logitsCount
        plan.trace = plan.trace?.advanced(by: plan.rows)
        plan.clear()
    }

    private func check(_ batch: StepBatch, _ cache: KeyValueCache, _ trace: ExpertTrace?) {
        if let trace {
            precondition(batch.runs.reduce(0) { $0 + $1.tokens.count } <= trace.rows, "a trace has room for the step's rows")
            precondition(
                batch.runs.allSatisfy { $0.delta == nil || $0.delta === trace.delta || $0.delta?.mixtures == nil },
                "a trace is of the only adapter with routers")
        }
        precondition(cache.fits(configuration, precision), "the cache was made by this decoder")
        for run in batch.runs {
            precondition(
                run.tokens.lowerBound >= 0 && run.tokens.upperBound <= batch.tokens.count, "a run's tokens are in the batch")
            precondition(
                run.startPosition >= 0
                    && run.startPosition + run.tokens.count <= run.blocks.count * KeyValueCache.blockTokens,
                "a run's blocks reach its last token")
            precondition(run.blocks.allSatisfy { 0..<Int32(cache.blocks) ~= $0 }, "a run's blocks are in the cache")
            precondition(run.delta?.fits(configuration, precision) ?? true, "a run's delta fits the model and the path")
            for token in batch.tokens[run.tokens] {
                precondition(0..<Int32(configuration.vocabulary) ~= token, "tokens are in the vocabulary")
            }
        }
    }
}

/// Where a step writes its logits: rows of the vocabulary, `stride` elements apart.
struct LogitRows {
    let pointer: UnsafeMutablePointer<Float>
    let stride: Int

    /// Row 0 of this is row `row` of the other.
    func from(_ row: Int) -> LogitRows { LogitRows(pointer: pointer + row * stride, stride: stride) }
    func row(_ row: Int) -> UnsafeMutablePointer<Float> { pointer + row * stride }

    /// Moves rows that were written without room between them to their places.
    func spread(_ rows: Int, vocabulary: Int) {
        if stride == vocabulary { return }
        for row in (0..<rows).reversed() { self.row(row).update(from: pointer + row * vocabulary, count: vocabulary) }
    }
}
