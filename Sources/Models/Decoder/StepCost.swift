/// What a step must read and compute at least: the ceiling that its time is compared with.
///
/// Phases are those of a layer (query, key and value; attention; output; gate and up; down), layer by layer, and the head; before
/// them the embedding, where an adapter changes it. Weights, each different adapter and each sequence's keys and values are read once a
/// step; of a mixture as many experts as one row has at least. A multiply-add is two operations.
public struct StepCost: Sendable, Equatable {
    public struct Phase: Sendable, Equatable {
        public var bytes = 0
        /// Products with the base's packed weights and with adapters in int8.
        public var int8Operations = 0
        /// Attention and low-rank products of other adapters.
        public var f32Operations = 0

        public init(bytes: Int = 0, int8Operations: Int = 0, f32Operations: Int = 0) {
            self.bytes = bytes
            self.int8Operations = int8Operations
            self.f32Operations = f32Operations
        }
    }

    public var phases: [Phase]

    public var bytes: Int { phases.reduce(0) { $0 + $1.bytes } }
    public var int8Operations: Int { phases.reduce(0) { $0 + $1.int8Operations } }
    public var f32Operations: Int { phases.reduce(0) { $0 + $1.f32Operations } }

    /// Seconds on a machine that reads `bandwidth` bytes and computes so many operations a second: in each phase the longer of
    /// reading and computing, as they overlap.
    public func seconds(bandwidth: Double, int8Rate: Double, f32Rate: Double) -> Double {
        phases.reduce(0) { sum, phase in
            let reading = Double(phase.bytes) / bandwidth
            let computing = Double(phase.int8Operations) / int8Rate + Double(phase.f32Operations) / f32Rate
            return sum + max(reading, computing)
        }
    }
}

extension Decoder {
    /// The cost of a step of the fast path; one of more than `maximumRows` rows reads the weights for each part of it. Cost of
    /// asking: `O(runs * layers)` a part.
    public func cost(of batch: StepBatch) -> StepCost {
        var phases: [StepCost.Phase] = []
        var part = StepBatch()
        func finishPart() {
            if !part.tokens.isEmpty { phases += self.phases(of: part) }
            part = StepBatch()
        }
        for run in batch.runs {
            var start = 0
            while start < run.tokens.count {
                let count = min(run.tokens.count - start, maximumRows - part.tokens.count)
                let isLast = start + count == run.tokens.count
                let place = part.tokens.count
                part.tokens += batch.tokens[run.tokens][(run.tokens.lowerBound + start)...].prefix(count)
                var piece = run
                piece.tokens = place..<place + count
                piece.startPosition += start
                if run.logits == .last, !isLast { piece.logits = .none }
                part.runs.append(piece)
                start += count
                if part.tokens.count == maximumRows { finishPart() }
            }
        }
        finishPart()
        return StepCost(phases: phases)
    }

    private func phases(of batch: StepBatch) -> [StepCost.Phase] {
        let rows = batch.tokens.count
        var deltas: [ObjectIdentifier: (delta: AdapterDelta, rows: Int)] = [:]
        for run in batch.runs {
            guard let delta = run.delta else { continue }
            deltas[ObjectIdentifier(delta), default: (delta, 0)].rows += run.tokens.count
        }
        func linear(_ layer: Int, _ projections: [Projection]) -> StepCost.Phase {
            var phase = StepCost.Phase()
            for projection in projections {
                let (outputs, inputs) = projection.shape(in: configuration)
                phase.bytes += packedBytes(layer, projection)
                phase.int8Operations += 2 * rows * outputs * inputs
                for (delta, rows) in deltas.values {
                    if let mixture = delta.feedForward(layer) {
                        phase.add(mixture.experts.map { $0[projection] }, mixture.selection, rows: rows)
                        if projection == .gate { phase.add(router: mixture.router.count, rows: rows) }
                    }
                    guard var patch = delta[layer, projection] else { continue }
                    if let mixture = patch.mixture {
                        phase.add(mixture.experts.map { LinearPatch(lowRank: $0) }, mixture.selection, rows: rows)
                        phase.add(router: mixture.gate.count, rows: rows)
                    }
                    patch.mixture = nil
                    phase.add(patch, rows: rows)
                }
            }
            return phase
        }
        func down(_ layer: Int) -> StepCost.Phase {
            var phase = linear(layer, [.down])
            for (delta, rows) in deltas.values {
                guard let branch = delta.branch(layer) else { continue }
                phase.bytes += branch.byteCount
                phase.f32Operations += 2 * rows * branch.rank * (branch.inputs + branch.outputs)
            }
            return phase
        }
        var phases: [StepCost.Phase] = []
        if deltas.values.contains(where: { $0.delta.embedding != nil }) { phases.append(embeddingCost(batch)) }
        for layer in 0..<configuration.layers {
            phases += [
                linear(layer, [.query, .key, .value]), attentionCost(layer, batch), linear(layer, [.output]), linear(layer, [.gate, .up]),
                down(layer),
            ]
        }
        phases.append(headCost(batch))
        return phases
    }

    /// Of one layer: a row sees what is before it and itself, or as much of it as the layer's window holds.
    private func attentionCost(_ layer: Int, _ batch: StepBatch) -> StepCost.Phase {
        let positionBytes = makeCache(blocks: 0).blockBytes / KeyValueCache.blockTokens / configuration.layers
        let window = configuration.slidingWindow(layer: layer) ?? configuration.contextLength
        var phase = StepCost.Phase()
        for run in batch.runs where !run.tokens.isEmpty {
            let last = run.startPosition + run.tokens.count
            let seen = (run.startPosition + 1...last).reduce(0) { $0 + min($1, window) }
            // The first row's window begins furthest back.
            let first = max(run.startPosition + 1 - window, 0)
            phase.bytes += (last - first) * positionBytes
            // A row's queries with each key, and its weights with each value.
            phase.f32Operations += 2 * 2 * configuration.queryWidth * seen
        }
        return phase
    }

    /// Of adapters that change the embedding: a row of a table is read for each token, B of a low-rank update once.
    private func embeddingCost(_ batch: StepBatch) -> StepCost.Phase {
        var phase = StepCost.Phase()
        var seen: Set<ObjectIdentifier> = []
        for run in batch.runs {
            guard let delta = run.delta, let patch = delta.embedding else { continue }
            let rows = run.tokens.count
            if let table = patch.table { phase.bytes += rows * (table.byteCount / table.rows) }
            guard let lowRank = patch.lowRank else { continue }
            let rankBytes = lowRank.byteCount / (lowRank.vocabulary + lowRank.hidden)
            phase.bytes += rows * rankBytes
            if seen.insert(ObjectIdentifier(delta)).inserted { phase.bytes += rankBytes * lowRank.hidden }
            phase.f32Operations += 2 * rows * lowRank.rank * lowRank.hidden
        }
        return phase
    }

    /// Of the vocabulary projection: the base's weights once for all rows that use them, and what each adapter has of its own.
    private func headCost(_ batch: StepBatch) -> StepCost.Phase {
        let width = configuration.vocabulary * configuration.hidden
        var phase = StepCost.Phase()
        var seen: Set<ObjectIdentifier> = []
        var baseRows = 0
        for run in batch.runs where run.logitsRows > 0 {
            let rows = run.logitsRows
            guard let delta = run.delta, let patch = delta.head else {
                baseRows += rows
                continue
            }
            if seen.insert(ObjectIdentifier(delta)).inserted { phase.bytes += patch.byteCount }
            if let matrix = patch.matrix {
                if matrix.isPacked { phase.int8Operations += 2 * rows * width } else { phase.f32Operations += 2 * rows * width }
            } else {
                baseRows += rows
            }
            phase.f32Operations += 2 * rows * (patch.rows?.tokens.count ?? 0) * configuration.hidden
            guard let lowRank = patch.linear.lowRank else { continue }
            let operations = 2 * rows * lowRank.rank * (configuration.vocabulary + configuration.hidden)
            if lowRank.element == .int8 { phase.int8Operations += operations } else { phase.f32Operations += operations }
        }
        if baseRows > 0 { phase.bytes += packedHeadBytes }
        phase.int8Operations += 2 * baseRows * width
        return phase
    }
}

extension StepCost.Phase {
    /// A patch without its mixture: its bytes once, its products for each row.
    fileprivate mutating func add(_ patch: LinearPatch, rows: Int) {
        bytes += patch.byteCount
        guard let lowRank = patch.lowRank else { return }
        let operations = 2 * rows * lowRank.rank * (lowRank.outputs + lowRank.inputs)
        if lowRank.element == .int8 { int8Operations += operations } else { f32Operations += operations }
    }

    /// One part of experts, of which each row reads the least and computes as many: the smallest ones.
    fileprivate mutating func add(_ experts: [LinearPatch?], _ selection: ExpertSelection, rows: Int) {
        let sizes = experts.map { $0 ?? LinearPatch() }.sorted { $0.byteCount < $1.byteCount }
        for expert in sizes.prefix(selection.least(of: experts.count)) { add(expert, rows: rows) }
    }

    fileprivate mutating func add(router elements: Int, rows: Int) {
        bytes += 4 * elements
        f32Operations += 2 * rows * elements
    }
}
