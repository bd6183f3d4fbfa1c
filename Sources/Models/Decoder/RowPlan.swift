internal import Glibc
internal import Tensors

/// The rows of one pass through the layers, in the flat form that inner loops read: plain pointers, no reference counts.
///
/// Rows are divided twice: into segments (one sequence) and into bands (one adapter). A workspace reuses one plan for all its steps;
/// memory grows to the largest step seen and stays. The workspace's owner fills it; workers read it during a run.
final class RowPlan {
    /// Consecutive rows of one sequence under one adapter: what attention, embedding and head see.
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

    /// Consecutive rows under one adapter, of one sequence or of several: what a layer sees, apart from its attention.
    struct Band {
        var firstRow: Int
        var rows: Int
        /// Nil: the base model.
        var patches: LinearEntries<PatchEntry>?
        /// Nil: no linear map has a mixture.
        var mixtures: LinearEntries<MixtureEntry>?
        /// At the layer; nil: no feed-forward is replaced.
        var feedForwards: UnsafePointer<MixtureEntry>?
        /// At the layer; nil: nothing is added beside the feed-forwards.
        var branches: UnsafePointer<BranchEntry>?
        /// By `NormPlace.index`; nil: all norms are the base's.
        var norms: UnsafePointer<UnsafePointer<Float>?>?
        /// Nil: the base's experts are as they are.
        var experts: ExpertsEntries?

        init(_ delta: AdapterDelta?, firstRow: Int, rows: Int) {
            (self.firstRow, self.rows) = (firstRow, rows)
            patches = delta?.linear.entries
            mixtures = delta?.mixtures?.linearEntries
            feedForwards = delta?.mixtures?.feedForwardEntries
            branches = delta?.branches?.entries
            norms = delta?.norms?.entries
            experts = delta?.experts?.entries
        }

        var rowRange: Range<Int> { firstRow..<firstRow + rows }

        /// The mixture of a linear map.
        func mixture(_ place: LinearPlace) -> UnsafePointer<MixtureEntry>? {
            guard let entry = mixtures?[place], entry.pointee.experts > 0 else { return nil }
            return entry
        }

        /// The mixture that replaces a layer's feed-forward.
        func feedForward(_ layer: Int) -> UnsafePointer<MixtureEntry>? {
            guard let feedForwards, feedForwards[layer].experts > 0 else { return nil }
            return feedForwards + layer
        }

        /// The adapter's own norm; nil: the base's.
        func norm(_ place: NormPlace) -> UnsafePointer<Float>? { norms?[place.index] }

        /// What a layer adds beside its feed-forward.
        func branch(_ layer: Int) -> UnsafePointer<BranchEntry>? {
            guard let branches, branches[layer].rank > 0 else { return nil }
            return branches + layer
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
    private(set) var bandCount = 0
    private(set) var logitsCount = 0
    /// `[capacity]`
    let tokens: UnsafeMutablePointer<Int32>
    let places: UnsafeMutablePointer<Place>
    /// No segment and no band is empty: `[capacity]` each.
    let segments: UnsafeMutablePointer<Segment>
    let bands: UnsafeMutablePointer<Band>
    /// Rows whose logits are wanted, rising: `[capacity]`.
    let logitsRows: UnsafeMutablePointer<Int32>
    /// How each row's heads are rotated in layers of `rope`, and of `slidingRope` where a family has one.
    let rotation: Rotation
    let slidingRotation: Rotation
    /// The factor of each row's queries, `[capacity]`; nil: 1.
    let queryFactors: UnsafeMutablePointer<Float>?
    private let queryTemperature: QueryTemperature?
    /// A router reads the rows of norms in f32.
    let routes: Bool
    /// What the adapters of the rows need room for.
    private(set) var extent = SeamExtent()
    /// Where routers write their logits and weights, from the plan's first row on; nil: nowhere.
    var trace: ExpertTrace.View?
    /// Where a layer's feed-forward writes what it reads and makes, likewise.
    var feedForwardTrace: FeedForwardTrace.View?
    /// Where the pass begins, for the plan's rows; nil: at the embedding.
    var entry: FeedForwardEntry?
    /// The last position that a row sees, plus one.
    private(set) var reach = 0
    private(set) var tables: UnsafeMutablePointer<Int32>
    private var tableCapacity = 1024
    private var tableCount = 0

    private let rotationTables: [RotationTable]

    /// Cosines and sines of each row's angles, `[capacity, rotaryDimension / 2]` each, in memory of the plan.
    struct Rotation {
        let cosines: UnsafeMutablePointer<Float>
        let sines: UnsafeMutablePointer<Float>
    }

    private final class RotationTable {
        let frequencies: [Float]
        /// Of short sequences.
        let shortFrequencies: [Float]
        let magnitude: Float
        let cosines: FloatBuffer
        let sines: FloatBuffer

        init(_ rope: RotaryEmbedding, dimension: Int, capacity: Int) throws(ResourceError) {
            frequencies = rope.frequencies(dimension: dimension)
            shortFrequencies = rope.frequencies(dimension: dimension, isShort: true)
            magnitude = rope.magnitude
            cosines = try FloatBuffer(capacity * frequencies.count, for: "a step's rotations")
            sines = try FloatBuffer(capacity * frequencies.count, for: "a step's rotations")
        }

        var rotation: Rotation { Rotation(cosines: cosines.pointer, sines: sines.pointer) }
    }

    /// Room for `capacity` rows.
    init(capacity: Int, configuration: DecoderConfiguration) throws(ResourceError) {
        self.capacity = capacity
        func table(_ rope: RotaryEmbedding) throws(ResourceError) -> RotationTable {
            try RotationTable(rope, dimension: configuration.rotaryDimension, capacity: capacity)
        }
        let full = try table(configuration.rope)
        rotation = full.rotation
        if let rope = configuration.slidingRope {
            let sliding = try table(rope)
            slidingRotation = sliding.rotation
            rotationTables = [full, sliding]
        } else {
            slidingRotation = full.rotation
            rotationTables = [full]
        }
        queryTemperature = configuration.queryTemperature
        routes = configuration.experts != nil
        queryFactors = queryTemperature == nil ? nil : .allocate(capacity: capacity)
        tokens = .allocate(capacity: capacity)
        places = .allocate(capacity: capacity)
        segments = .allocate(capacity: capacity)
        bands = .allocate(capacity: capacity)
        logitsRows = .allocate(capacity: capacity)
        tables = .allocate(capacity: tableCapacity)
    }

    deinit {
        queryFactors?.deallocate()
        tokens.deallocate()
        places.deallocate()
        segments.deallocate()
        bands.deallocate()
        logitsRows.deallocate()
        tables.deallocate()
    }

    var isFull: Bool { rows == capacity }

    func clear() {
        (rows, segmentCount, bandCount, logitsCount, reach, tableCount) = (0, 0, 0, 0, 0, 0)
        extent.clear()
    }

    /// Takes as many of a run's rows as fit, from its `start`-th on, and returns their number. The caller keeps the batch alive.
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
            rotate(row, position: position + index, isShort: run.isShort)
            if let queryFactors, let queryTemperature { queryFactors[row] = queryTemperature.factor(at: position + index) }
            let isLast = start + index == run.tokens.count - 1
            if run.logits == .all || (run.logits == .last && isLast) {
                logitsRows[logitsCount] = Int32(row)
                logitsCount += 1
            }
        }
        segments[segmentCount] = Segment(
            firstRow: rows, rows: count, position: position, table: table,
            embedding: run.delta?.vocabulary?.embeddingEntry, head: run.delta?.vocabulary?.headEntry,
            logits: firstLogits..<logitsCount)
        segmentCount += 1
        append(Band(run.delta, firstRow: rows, rows: count))
        rows += count
        reach = max(reach, position + count)
        if let delta = run.delta { extent.include(delta) }
        return count
    }

    /// Rows of the same delta as the rows before them join their band. Its tables of patches and of branches identify it: an adapter's
    /// patches may be shared by deltas that differ in what a memory adds.
    private func append(_ band: Band) {
        if bandCount > 0, bands[bandCount - 1].patches == band.patches, bands[bandCount - 1].branches == band.branches {
            bands[bandCount - 1].rows += band.rows
        } else {
            bands[bandCount] = band
            bandCount += 1
        }
    }

    /// Copies the blocks that hold the first `positions` positions; returns the start of the copy.
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
    private func rotate(_ row: Int, position: Int, isShort: Bool) {
        for table in rotationTables {
            let frequencies = isShort ? table.shortFrequencies : table.frequencies
            let count = frequencies.count
            let (cosine, sine) = (table.cosines.pointer + row * count, table.sines.pointer + row * count)
            for index in 0..<count {
                let angle = Float(position) * frequencies[index]
                cosine[index] = cosf(angle)
                sine[index] = sinf(angle)
            }
            guard table.magnitude != 1 else { continue }
            for index in 0..<count {
                cosine[index] *= table.magnitude
                sine[index] *= table.magnitude
            }
        }
    }
}

extension QueryTemperature {
    /// In f32, as the reference computes it.
    func factor(at position: Int) -> Float { 1 + beta * logf(1 + Float(position / originalContext)) }
}
