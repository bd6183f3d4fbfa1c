internal import Glibc
internal import Tensors

/// The rows of one pass through the layers, in the flat form that inner loops read: plain pointers, no reference counts.
///
/// One plan is reused for all steps; memory grows to the largest step seen and stays. The engine's thread fills it; workers
/// read it in between.
final class StepPlan {
    /// Consecutive rows of one sequence under one adapter.
    struct Segment {
        var firstRow: Int
        var rows: Int
        /// Of the first row in its sequence.
        var position: Int
        /// Where its block table starts in `tables`.
        var table: Int
        /// Nil: the base's.
        var embedding: UnsafePointer<EmbeddingEntry>?
        var head: UnsafePointer<HeadEntry>?
        /// Its rows' places among the rows of logits.
        var logits: Range<Int>

        var rowRange: Range<Int> { firstRow..<firstRow + rows }
    }

    /// Consecutive rows under one adapter, of one sequence or of several: all that a layer, but for its attention, sees of them.
    struct Span {
        var firstRow: Int
        var rows: Int
        /// At `layer * 7 + projection`; nil: the base model.
        var patches: UnsafePointer<PatchEntry>?
        /// At `layer`: what is added beside the feed-forward; nil: nothing.
        var branches: UnsafePointer<PatchEntry>?
        /// At `layer`: what replaces feed-forwards, where it has experts; nil: nothing.
        var feedForward: UnsafePointer<MixtureEntry>?

        init(_ delta: AdapterDelta?, firstRow: Int, rows: Int) {
            (self.firstRow, self.rows) = (firstRow, rows)
            patches = (delta?.table).map { UnsafePointer($0) }
            branches = (delta?.branchTable).map { UnsafePointer($0) }
            feedForward = delta?.mixtures.flatMap { $0.mixesFeedForward ? $0.feedForward : nil }
        }

        var rowRange: Range<Int> { firstRow..<firstRow + rows }

        /// The mixture that replaces a layer's feed-forward.
        func mixture(_ layer: Int) -> UnsafePointer<MixtureEntry>? {
            guard let feedForward, feedForward[layer].experts > 0 else { return nil }
            return feedForward + layer
        }
    }

    /// Where a row's key and value go.
    struct Place {
        var block: Int
        /// Position in the block.
        var slot: Int
    }

    let capacity: Int
    private(set) var rows = 0
    private(set) var segmentCount = 0
    private(set) var spanCount = 0
    private(set) var logitsCount = 0
    /// `[capacity]`
    let tokens: UnsafeMutablePointer<Int32>
    let places: UnsafeMutablePointer<Place>
    /// No segment and no span is empty: `[capacity]` each.
    let segments: UnsafeMutablePointer<Segment>
    let spans: UnsafeMutablePointer<Span>
    /// Rows whose logits are wanted, rising: `[capacity]`.
    let logitsRows: UnsafeMutablePointer<Int32>
    /// How each row's heads turn in layers of `rope`, and of `slidingRope` where a family has one.
    let turns: Turns
    let slidingTurns: Turns
    /// For each projection, whether some span scales its input.
    private(set) var scalesInput: [Bool]
    /// For each projection the greatest rank of a span.
    private(set) var largestRank: [Int]
    /// The greatest rank of a branch; 0: no span has any.
    private(set) var largestBranchRank = 0
    /// Whether some span is not the base's.
    private(set) var adapts = false
    /// Whether some segment changes the embedding, or the head.
    private(set) var patchesEmbedding = false
    private(set) var patchesHead = false
    /// The greatest rank of a segment's head.
    private(set) var headRank = 0
    /// What the step's mixtures need room for.
    private(set) var mixtures = MixtureExtent()
    /// Where routers write what they gave, from the plan's first row on; nil: nowhere.
    var trace: ExpertTrace.Span?
    /// The furthest position that a row sees, plus one.
    private(set) var reach = 0
    private(set) var tables: UnsafeMutablePointer<Int32>
    private var tableCapacity = 1024
    private var tableCount = 0

    private let rotations: [Rotation]

    /// `[capacity, headDimension / 2]` each, in memory of the plan.
    struct Turns {
        let cosines: UnsafeMutablePointer<Float>
        let sines: UnsafeMutablePointer<Float>
    }

    private final class Rotation {
        let frequencies: [Float]
        let cosines: FloatBuffer
        let sines: FloatBuffer

        init(_ rope: RotaryEmbedding, headDimension: Int, capacity: Int) {
            frequencies = rope.frequencies(headDimension: headDimension)
            cosines = FloatBuffer(count: capacity * frequencies.count)
            sines = FloatBuffer(count: capacity * frequencies.count)
        }

        var turns: Turns { Turns(cosines: cosines.pointer, sines: sines.pointer) }
    }

    init(capacity: Int, configuration: DecoderConfiguration) {
        self.capacity = capacity
        func rotation(_ rope: RotaryEmbedding) -> Rotation {
            Rotation(rope, headDimension: configuration.headDimension, capacity: capacity)
        }
        let full = rotation(configuration.rope)
        let sliding = configuration.slidingRope.map(rotation)
        turns = full.turns
        slidingTurns = (sliding ?? full).turns
        rotations = [full] + (sliding.map { [$0] } ?? [])
        tokens = .allocate(capacity: capacity)
        places = .allocate(capacity: capacity)
        segments = .allocate(capacity: capacity)
        spans = .allocate(capacity: capacity)
        logitsRows = .allocate(capacity: capacity)
        tables = .allocate(capacity: tableCapacity)
        scalesInput = Projection.allCases.map { _ in false }
        largestRank = Projection.allCases.map { _ in 0 }
    }

    deinit {
        tokens.deallocate()
        places.deallocate()
        segments.deallocate()
        spans.deallocate()
        logitsRows.deallocate()
        tables.deallocate()
    }

    var isFull: Bool { rows == capacity }

    func clear() {
        (rows, segmentCount, spanCount, logitsCount, reach, tableCount) = (0, 0, 0, 0, 0, 0)
        largestBranchRank = 0
        for index in scalesInput.indices { (scalesInput[index], largestRank[index]) = (false, 0) }
        (adapts, patchesEmbedding, patchesHead, headRank) = (false, false, false, 0)
        mixtures.clear()
    }

    /// Takes as many of a run's rows as fit, from its `start`-th on; answers how many. The caller keeps the batch alive.
    func append(_ run: StepBatch.Run, from start: Int, of batch: StepBatch) -> Int {
        let count = min(run.tokens.count - start, capacity - rows)
        guard count > 0 else { return 0 }
        let position = run.startPosition + start
        let table = append(table: run.blocks, positions: position + count)
        let firstLogits = logitsCount
        for index in 0..<count {
            let row = rows + index
            tokens[row] = batch.tokens[run.tokens.lowerBound + start + index]
            places[row] = Place(
                block: Int(tables[table + (position + index) / KeyValueCache.blockTokens]),
                slot: (position + index) % KeyValueCache.blockTokens)
            rotate(row, position: position + index)
            let isLast = start + index == run.tokens.count - 1
            if run.logits == .all || (run.logits == .last && isLast) {
                logitsRows[logitsCount] = Int32(row)
                logitsCount += 1
            }
        }
        segments[segmentCount] = Segment(
            firstRow: rows, rows: count, position: position, table: table,
            embedding: (run.delta?.embeddingEntry).map { UnsafePointer($0) }, head: (run.delta?.headEntry).map { UnsafePointer($0) },
            logits: firstLogits..<logitsCount)
        segmentCount += 1
        append(Span(run.delta, firstRow: rows, rows: count))
        rows += count
        reach = max(reach, position + count)
        if let delta = run.delta {
            adapts = true
            largestBranchRank = max(largestBranchRank, delta.largestBranchRank)
            for index in scalesInput.indices {
                scalesInput[index] = scalesInput[index] || delta.scalesInput[index]
                largestRank[index] = max(largestRank[index], delta.largestRank[index])
            }
            patchesEmbedding = patchesEmbedding || delta.embeddingEntry != nil
            patchesHead = patchesHead || delta.headEntry != nil
            headRank = max(headRank, delta.headEntry?.pointee.linear.rank ?? 0)
            if let table = delta.mixtures { mixtures.include(table) }
        }
        return count
    }

    /// Rows of the same adapter as those before them go with them. Tables of patches tell adapters apart: no two share one.
    private func append(_ span: Span) {
        if spanCount > 0, spans[spanCount - 1].patches == span.patches {
            spans[spanCount - 1].rows += span.rows
        } else {
            spans[spanCount] = span
            spanCount += 1
        }
    }

    /// Copies the blocks that hold the first `positions` positions; answers where they start.
    private func append(table blocks: [Int32], positions: Int) -> Int {
        let count = (positions + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens
        if tableCount + count > tableCapacity {
            let larger = max(2 * tableCapacity, tableCount + count)
            let copy = UnsafeMutablePointer<Int32>.allocate(capacity: larger)
            copy.update(from: tables, count: tableCount)
            tables.deallocate()
            (tables, tableCapacity) = (copy, larger)
        }
        for index in 0..<count { tables[tableCount + index] = blocks[index] }
        defer { tableCount += count }
        return tableCount
    }

    /// The row's angles: `position * frequency` in f32, as the reference computes them.
    private func rotate(_ row: Int, position: Int) {
        for rotation in rotations {
            let count = rotation.frequencies.count
            let (cosine, sine) = (rotation.cosines.pointer + row * count, rotation.sines.pointer + row * count)
            for index in 0..<count {
                let angle = Float(position) * rotation.frequencies[index]
                cosine[index] = cosf(angle)
                sine[index] = sinf(angle)
            }
        }
    }
}
