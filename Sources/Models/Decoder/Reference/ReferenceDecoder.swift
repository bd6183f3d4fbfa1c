internal import Tensors

/// The decoder as in the paper, in f32: the fast path is measured against it.
///
/// Weights are dequantised as they are used. It runs on the caller's thread and those of OpenBLAS.
final class ReferenceDecoder {
    let configuration: DecoderConfiguration
    let weights: ReferenceWeights
    let plan: RowPlan
    let matrix = ReferenceMatrix()
    // [rows, width] each
    private let residual: FloatBuffer
    let normed: FloatBuffer
    private let query: FloatBuffer
    private let key: FloatBuffer
    private let value: FloatBuffer
    private let attended: FloatBuffer
    let projected: FloatBuffer
    let gate: FloatBuffer
    let up: FloatBuffer
    /// Inputs that an adapter scales.
    let scaled: FloatBuffer
    let shrunk = GrowingFloats()
    private let attentionScratch = GrowingFloats()

    var vectors: DecoderVectors { weights.vectors }
    var files: ModelFiles { weights.files }

    init(_ weights: ReferenceWeights, plan: RowPlan) throws(ResourceError) {
        let configuration = weights.configuration
        self.configuration = configuration
        self.weights = weights
        self.plan = plan
        func rows(_ width: Int) throws(ResourceError) -> FloatBuffer {
            try FloatBuffer(plan.capacity * width, for: "a step's activations")
        }
        residual = try rows(configuration.hidden)
        normed = try rows(configuration.hidden)
        query = try rows(configuration.queryWidth)
        key = try rows(configuration.keyValueWidth)
        value = try rows(configuration.keyValueWidth)
        attended = try rows(configuration.queryWidth)
        projected = try rows(configuration.hidden)
        gate = try rows(configuration.feedForward)
        up = try rows(configuration.feedForward)
        scaled = try rows(max(configuration.hidden, configuration.queryWidth, configuration.feedForward))
    }

    /// Writes `[plan.logitsCount, vocabulary]`.
    func run(cache: KeyValueCache, logits: LogitRows) {
        let extent = plan.extent
        shrunk.reserve(
            plan.rows * max(extent.linear.largestRank.max() ?? 0, extent.branches.largestRank, extent.vocabulary.headRank, extent.experts.most))
        attentionScratch.reserve(Kernels.attentionScratch(positions: plan.reach, headDimension: configuration.headDimension))
        for layer in begin()..<configuration.layers {
            attention(layer, cache)
            feedForward(layer)
        }
        head(logits.pointer)
        logits.spread(plan.logitsCount, vocabulary: configuration.vocabulary)
        if extent.vocabulary.patchesHead { for index in 0..<plan.segmentCount { addedTokens(plan.segments[index], logits) } }
    }

    /// Fills the residual stream; returns the first layer to run whole.
    private func begin() -> Int {
        guard let entry = plan.entry else {
            embed()
            return 0
        }
        residual.pointer.update(from: entry.residual, count: plan.rows * configuration.hidden)
        feedForward(entry.layer)
        return entry.layer + 1
    }

    private func embed() {
        let embedding = files.tensor(.embedding)
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            for row in segment.rowRange {
                let (token, target) = (Int(plan.tokens[row]), residual.pointer + row * configuration.hidden)
                if segment.embedding?.pointee.read(token, into: target) != true {
                    embedding.dequantizeRows(token..<token + 1, into: target)
                }
                segment.embedding?.pointee.finish(token, target, hidden: configuration.hidden)
                if configuration.embeddingScale != 1 {
                    Kernels.multiply(target, by: configuration.embeddingScale, count: configuration.hidden)
                }
            }
        }
    }

    private func attention(_ layer: Int, _ cache: KeyValueCache) {
        norm(NormPlace(layer, .attention), configuration.inputNorms ? vectors.attentionNorms[layer] : nil)
        linear(layer, .query, normed, into: query)
        linear(layer, .key, normed, into: key)
        linear(layer, .value, normed, into: value)
        for row in 0..<plan.rows {
            rotate(layer, row)
            let place = plan.places[row]
            let (start, heads) = (row * configuration.keyValueWidth, 0..<configuration.keyValueHeads)
            cache.view.storeKeys(key.pointer + start, heads: heads, layer: layer, block: place.block, slot: place.slot)
            cache.view.storeValues(value.pointer + start, heads: heads, layer: layer, block: place.block, slot: place.slot)
        }
        let width = configuration.queryWidth
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            Kernels.attention(
                queries: query.pointer + segment.firstRow * width, queryStride: width, rows: segment.rows,
                position: segment.position, heads: configuration.heads, headRange: 0..<configuration.heads,
                keyValueHeads: configuration.keyValueHeads, headDimension: configuration.headDimension,
                scale: configuration.attentionScale, sinks: vectors.sinks.isEmpty ? nil : UnsafePointer(vectors.sinks[layer].pointer), softCap: configuration.attentionSoftCap, layer: cache.view.layerBase(layer), element: cache.element,
                blockBytes: cache.blockBytes, blockTable: plan.tables + segment.table,
                slidingWindow: configuration.slidingWindow(layer: layer), scratch: attentionScratch.pointer,
                into: attended.pointer + segment.firstRow * width, outputStride: width)
        }
        linear(layer, .output, attended, into: projected)
        addProjected(configuration.outputNorms ? vectors.attentionOutputNorms[layer] : nil, NormPlace(layer, .attentionOutput))
    }

    private func feedForward(_ layer: Int) {
        norm(NormPlace(layer, .feedForward), configuration.inputNorms ? vectors.feedForwardNorms[layer] : nil)
        if let experts = configuration.experts {
            multiplyExperts(experts, layer)
        } else {
            linear(layer, .gate, normed, into: gate)
            linear(layer, .up, normed, into: up)
            activate(layer)
            linear(layer, .down, gate, into: projected)
        }
        if let trace = plan.feedForwardTrace, trace.layer == layer {
            trace.record(
                plan.rows, 0..<configuration.hidden, input: normed.pointer, residual: residual.pointer, output: projected.pointer)
        }
        addProjected(configuration.outputNorms ? vectors.feedForwardOutputNorms[layer] : nil, NormPlace(layer, .feedForwardOutput))
    }

    /// To the residual stream, through a norm where the family has one.
    private func addProjected(_ outputNorm: FloatBuffer?, _ place: NormPlace) {
        let hidden = configuration.hidden
        if configuration.residualScale != 1 {
            Kernels.multiply(projected.pointer, by: configuration.residualScale, count: plan.rows * hidden)
        }
        if let outputNorm {
            forEachNorm(place, outputNorm) { row, factors in
                let x = projected.pointer + row * hidden
                Kernels.rmsNorm(x, weight: factors, epsilon: configuration.normEpsilon, count: hidden, into: x)
            }
        }
        Kernels.add(projected.pointer, to: residual.pointer, count: plan.rows * hidden)
    }

    private func head(_ logits: UnsafeMutablePointer<Float>) {
        for index in 0..<plan.logitsCount {
            let row = Int(plan.logitsRows[index])
            let factors = norm(.final(layers: configuration.layers), vectors.finalNorm, of: row)
            normRow(row, factors, into: normed.pointer + index * configuration.hidden)
        }
        let weights = files.tensor(configuration.tiedHead ? .embedding : .head)
        if plan.extent.vocabulary.patchesHead {
            for index in 0..<plan.segmentCount { head(plan.segments[index], weights, logits) }
        } else {
            matrix.multiply(weights, normed.pointer, rows: plan.logitsCount, into: logits)
        }
        guard configuration.logitSoftCap > 0 else { return }
        Kernels.softCap(logits, cap: configuration.logitSoftCap, count: plan.logitsCount * configuration.vocabulary)
    }

    // MARK: Rows

    private func norm(_ place: NormPlace, _ base: FloatBuffer?) {
        guard let base else { return normed.pointer.update(from: residual.pointer, count: plan.rows * configuration.hidden) }
        forEachNorm(place, base) { row, factors in normRow(row, factors, into: normed.pointer + row * configuration.hidden) }
    }

    private func normRow(_ row: Int, _ factors: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>) {
        Kernels.rmsNorm(
            residual.pointer + row * configuration.hidden, weight: factors, epsilon: configuration.normEpsilon,
            count: configuration.hidden, into: target)
    }

    /// Norms the heads where the family does, and rotates them to the row's position where the layer does.
    private func rotate(_ layer: Int, _ row: Int) {
        let (dimension, rotated) = (configuration.headDimension, configuration.rotaryDimension)
        let rotation = configuration.slidingWindow(layer: layer) == nil ? plan.rotation : plan.slidingRotation
        for (buffer, heads, norms, kind) in [
            (query, configuration.heads, vectors.queryNorms, NormPlace.Kind.query), (key, configuration.keyValueHeads, vectors.keyNorms, .key),
        ] {
            let x = buffer.pointer + row * heads * dimension
            if configuration.normsWholeHeads {
                let factors = norm(NormPlace(layer, kind), norms[layer], of: row)
                Kernels.rmsNorm(x, weight: factors, epsilon: configuration.normEpsilon, count: heads * dimension, into: x)
            } else if configuration.headNorms {
                let factors = norm(NormPlace(layer, kind), norms[layer], of: row)
                for head in 0..<heads {
                    let slice = x + head * dimension
                    Kernels.rmsNorm(
                        slice, weight: factors, epsilon: configuration.normEpsilon, count: dimension,
                        into: slice)
                }
            }
            if configuration.unrotatedLayers.contains(layer) { continue }
            for head in 0..<heads {
                Kernels.rotateHalves(
                    x + head * dimension, heads: 1, headDimension: rotated, cosines: rotation.cosines + row * rotated / 2,
                    sines: rotation.sines + row * rotated / 2)
            }
        }
        guard let factors = plan.queryFactors else { return }
        Kernels.multiply(query.pointer + row * configuration.queryWidth, by: factors[row], count: configuration.queryWidth)
    }

    /// `y = W x` with the base's bias and what adapters do.
    private func linear(_ layer: Int, _ projection: Projection, _ x: FloatBuffer, into y: FloatBuffer) {
        let (outputs, inputs) = projection.shape(in: configuration)
        matrix.multiply(
            files.tensor(.weight(layer, projection)), rowOrder: weights.rowOrder(projection),
            scaledInput(layer, projection, x, inputs), rows: plan.rows, into: y.pointer)
        adapt(LinearPlace(layer, projection), x: x.pointer, inputs: inputs, into: y.pointer, outputs: outputs)
    }

    /// `gate = activation(gate) * up`
    func activate(gate: UnsafeMutablePointer<Float>, up: UnsafePointer<Float>, count: Int) {
        switch configuration.activation {
        case .silu: Kernels.siluMultiply(gate: gate, up: up, count: count, into: gate)
        case .geluTanh: Kernels.geluTanhMultiply(gate: gate, up: up, count: count, into: gate)
        case .clamped(let slope, let limit): Kernels.clampedMultiply(gate: gate, up: up, slope: slope, limit: limit, count: count, into: gate)
        }
    }
}
