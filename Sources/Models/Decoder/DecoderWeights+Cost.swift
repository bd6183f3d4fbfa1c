extension DecoderWeights {
    /// The cost of a step of the fast path. A step of more than `maximumRows` rows reads the weights for each part of it. Computing it
    /// takes `O(runs * layers)` for a part.
    public func cost(of batch: StepBatch, maximumRows: Int = 512) -> ModelCost {
        ModelCost(phases: batch.parts(maximumRows).flatMap { phases(of: $0) })
    }

    private func phases(of batch: StepBatch) -> [ModelCost.Phase] {
        let deltas = batch.deltas
        func linear(_ layer: Int, _ projections: [Projection]) -> ModelCost.Phase {
            var phase = ModelCost.Phase(projections[0].phase)
            for projection in projections where configuration.has(projection) {
                let (outputs, inputs) = projection.shape(in: configuration)
                phase.bytes += packed?.matrices[LinearPlace(layer, projection)]?.byteCount ?? 0
                phase.int8Operations += 2 * batch.tokens.count * outputs * inputs
                for (delta, rows) in deltas { phase.add(delta, layer, projection, rows: rows) }
            }
            return phase
        }
        var phases: [ModelCost.Phase] = []
        if deltas.contains(where: { $0.delta.embedding != nil }) { phases.append(.embedding(batch)) }
        for layer in 0..<configuration.layers {
            phases += [
                linear(layer, [.query, .key, .value]), attentionCost(layer, batch), linear(layer, [.output]), linear(layer, [.gate, .up]),
                linear(layer, [.down]),
            ]
            guard let experts = configuration.experts else { continue }
            var mixture = mixtureCost(layer, experts, rows: batch.tokens.count)
            for (delta, rows) in deltas {
                if let patch = delta.experts?.patches[layer] { mixture.add(patch, chosen: experts.chosen, rows: rows) }
            }
            phases.append(mixture)
        }
        phases.append(.head(batch, configuration, packedBytes: packed?.head.byteCount ?? 0))
        return phases
    }

    /// Of one layer: the experts that one row chooses are read at least.
    private func mixtureCost(_ layer: Int, _ experts: ExpertLayout, rows: Int) -> ModelCost.Phase {
        guard let packed else { return ModelCost.Phase(.experts) }
        let bytes = packed.experts[layer].matrices.reduce(0) { $0 + $1.byteCount }
        let weights = Projection.ofExperts.reduce(0) { sum, projection in
            let shape = projection.shape(in: configuration)
            return sum + shape.outputs * shape.inputs
        }
        return ModelCost.Phase(
            .experts, bytes: bytes / experts.count * experts.chosen + 4 * experts.count * configuration.hidden,
            int8Operations: 2 * rows * experts.chosen * weights, f32Operations: 2 * rows * experts.count * configuration.hidden)
    }

    /// Of one layer: a row sees what is before it and itself, or as much of it as the layer's window holds.
    private func attentionCost(_ layer: Int, _ batch: StepBatch) -> ModelCost.Phase {
        let positionBytes = KeyValueCache.layerBlockBytes(configuration, element(nil)) / KeyValueCache.blockTokens
        let window = configuration.slidingWindow(layer: layer) ?? configuration.contextLength
        var phase = ModelCost.Phase(.attention)
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
}

extension StepBatch {
    /// Each adapter of the batch once, with its rows.
    fileprivate var deltas: [(delta: AdapterDelta, rows: Int)] {
        var deltas: [ObjectIdentifier: (delta: AdapterDelta, rows: Int)] = [:]
        for run in runs {
            guard let delta = run.delta else { continue }
            deltas[ObjectIdentifier(delta), default: (delta, 0)].rows += run.tokens.count
        }
        return Array(deltas.values)
    }

    /// The batch as a workspace cuts it.
    fileprivate func parts(_ maximumRows: Int) -> [StepBatch] {
        var parts: [StepBatch] = []
        var part = StepBatch()
        for run in runs {
            var start = 0
            while start < run.tokens.count {
                let count = min(run.tokens.count - start, maximumRows - part.tokens.count)
                let isLast = start + count == run.tokens.count
                let place = part.tokens.count
                part.tokens += tokens[run.tokens][(run.tokens.lowerBound + start)...].prefix(count)
                var piece = run
                piece.tokens = place..<place + count
                piece.startPosition += start
                if run.logits == .last, !isLast { piece.logits = .none }
                part.runs.append(piece)
                start += count
                guard part.tokens.count == maximumRows else { continue }
                parts.append(part)
                part = StepBatch()
            }
        }
        return part.tokens.isEmpty ? parts : parts + [part]
    }
}
