internal import Tensors

/// The decoder as the paper has it, in f32: the measure of the fast path.
///
/// Weights are dequantised as they are used. One thread, but for those of OpenBLAS.
final class ReferenceDecoder {
    let configuration: DecoderConfiguration
    let files: ModelFiles
    let vectors: DecoderVectors
    let plan: StepPlan
    let matrix = ReferenceMatrix()
    /// At `projection`.
    let rowOrders: [[Int]?]
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
    /// An input that an adapter scales.
    private let scaled: FloatBuffer
    let shrunk = GrowingFloats()
    private let attentionScratch = GrowingFloats()

    init(_ files: ModelFiles, plan: StepPlan) {
        let configuration = files.configuration
        self.configuration = configuration
        self.files = files
        self.plan = plan
        vectors = DecoderVectors(files)
        rowOrders = Projection.allCases.map { files.rowOrder($0) }
        func rows(_ width: Int) -> FloatBuffer { FloatBuffer(count: plan.capacity * width) }
        residual = rows(configuration.hidden)
        normed = rows(configuration.hidden)
        query = rows(configuration.queryWidth)
        key = rows(configuration.keyValueWidth)
        value = rows(configuration.keyValueWidth)
        attended = rows(configuration.queryWidth)
        projected = rows(configuration.hidden)
        gate = rows(configuration.feedForward)
        up = rows(configuration.feedForward)
        scaled = rows(max(configuration.hidden, configuration.queryWidth, configuration.feedForward))
    }

    /// Writes `[plan.logitsCount, vocabulary]`.
    func run(cache: KeyValueCache, logits: LogitRows) {
        shrunk.reserve(plan.rows * max(plan.largestRank.max() ?? 0, plan.largestBranchRank, plan.headRank))
        attentionScratch.reserve(Kernels.attentionScratch(positions: plan.reach, headDimension: configuration.headDimension))
        embed()
        for layer in 0..<configuration.layers {
            attention(layer, cache)
            feedForward(layer)
        }
        head(logits.pointer)
        logits.spread(plan.logitsCount, vocabulary: configuration.vocabulary)
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
        norm(vectors.attentionNorms[layer])
        linear(layer, .query, normed, into: query)
        linear(layer, .key, normed, into: key)
        linear(layer, .value, normed, into: value)
        for row in 0..<plan.rows {
            rotate(layer, row)
            let place = plan.places[row]
            let (start, heads) = (row * configuration.keyValueWidth, 0..<configuration.keyValueHeads)
            cache.span.storeKeys(key.pointer + start, heads: heads, layer: layer, block: place.block, slot: place.slot)
            cache.span.storeValues(value.pointer + start, heads: heads, layer: layer, block: place.block, slot: place.slot)
        }
        let width = configuration.queryWidth
        for index in 0..<plan.segmentCount {
            let segment = plan.segments[index]
            Kernels.attention(
                queries: query.pointer + segment.firstRow * width, queryStride: width, rows: segment.rows,
                position: segment.position, heads: configuration.heads, headRange: 0..<configuration.heads,
                keyValueHeads: configuration.keyValueHeads, headDimension: configuration.headDimension,
                scale: configuration.attentionScale, layer: cache.span.layerBase(layer), element: cache.element,
                blockBytes: cache.blockBytes, blockTable: plan.tables + segment.table,
                slidingWindow: configuration.slidingWindow(layer: layer), scratch: attentionScratch.pointer,
                into: attended.pointer + segment.firstRow * width, outputStride: width)
        }
        linear(layer, .output, attended, into: projected)
        addProjected(configuration.outputNorms ? vectors.attentionOutputNorms[layer] : nil)
    }

    private func feedForward(_ layer: Int) {
        norm(vectors.feedForwardNorms[layer])
        linear(layer, .gate, normed, into: gate)
        linear(layer, .up, normed, into: up)
        // Each product with down writes all rows, so those of mixtures come after it, from rows that they left as they were.
        for index in 0..<plan.spanCount where plan.spans[index].mixture(layer) == nil {
            let (first, rows) = (plan.spans[index].firstRow * configuration.feedForward, plan.spans[index].rows)
            activate(gate: gate.pointer + first, up: up.pointer + first, count: rows * configuration.feedForward)
        }
        linear(layer, .down, gate, into: projected)
        for index in 0..<plan.spanCount {
            guard let mixture = plan.spans[index].mixture(layer) else { continue }
            mixFeedForward(mixture, layer, plan.spans[index])
        }
        addBranches(layer)
        addProjected(configuration.outputNorms ? vectors.feedForwardOutputNorms[layer] : nil)
    }

    /// What spans have beside the feed-forward: its input is still there.
    private func addBranches(_ layer: Int) {
        let hidden = configuration.hidden
        for index in 0..<plan.spanCount {
            let span = plan.spans[index]
            guard let branch = span.branches?[layer] else { continue }
            branch.shrink(
                normed.pointer + span.firstRow * hidden, rows: span.rows, inputs: hidden, into: shrunk.pointer,
                stride: branch.rank)
            branch.expand(
                shrunk.pointer, stride: branch.rank, rows: span.rows, outputs: 0..<hidden, width: hidden,
                into: projected.pointer + span.firstRow * hidden)
        }
    }

    /// To the residual stream, through a norm where the family has one.
    private func addProjected(_ outputNorm: FloatBuffer?) {
        let hidden = configuration.hidden
        if let outputNorm {
            for row in 0..<plan.rows {
                let x = projected.pointer + row * hidden
                Kernels.rmsNorm(x, weight: outputNorm.pointer, epsilon: configuration.normEpsilon, count: hidden, into: x)
            }
        }
        Kernels.add(projected.pointer, to: residual.pointer, count: plan.rows * hidden)
    }

    private func head(_ logits: UnsafeMutablePointer<Float>) {
        for index in 0..<plan.logitsCount {
            normRow(Int(plan.logitsRows[index]), vectors.finalNorm, into: normed.pointer + index * configuration.hidden)
        }
        let weights = files.tensor(configuration.tiedHead ? .embedding : .head)
        guard plan.patchesHead else {
            matrix.multiply(weights, normed.pointer, rows: plan.logitsCount, into: logits)
            return
        }
        for index in 0..<plan.segmentCount { head(plan.segments[index], weights, logits) }
    }

    /// The logits of one segment.
    private func head(_ segment: StepPlan.Segment, _ weights: TensorView, _ logits: UnsafeMutablePointer<Float>) {
        let (count, hidden, vocabulary) = (segment.logits.count, configuration.hidden, configuration.vocabulary)
        guard count > 0 else { return }
        let (x, target) = (normed.pointer + segment.logits.lowerBound * hidden, logits + segment.logits.lowerBound * vocabulary)
        if let own = segment.head?.pointee.matrix?.floats {
            BLAS.multiply(x: x, w: own, into: target, rows: count, inputs: hidden, outputs: vocabulary)
        } else {
            matrix.multiply(weights, x, rows: count, into: target)
        }
        guard let head = segment.head?.pointee else { return }
        head.linear.shrink(x, rows: count, inputs: hidden, into: shrunk.pointer, stride: head.linear.rank)
        head.linear.expand(
            shrunk.pointer, stride: head.linear.rank, rows: count, outputs: 0..<vocabulary, width: vocabulary, into: target)
        head.linear.finish(target, rows: count, outputs: 0..<vocabulary, width: vocabulary, baseBias: nil)
        for row in 0..<count { head.rows?.multiply(x + row * hidden, outputs: 0..<vocabulary, into: target + row * vocabulary) }
    }

    private func norm(_ weight: FloatBuffer) {
        for row in 0..<plan.rows { normRow(row, weight, into: normed.pointer + row * configuration.hidden) }
    }

    private func normRow(_ row: Int, _ weight: FloatBuffer, into target: UnsafeMutablePointer<Float>) {
        Kernels.rmsNorm(
            residual.pointer + row * configuration.hidden, weight: weight.pointer, epsilon: configuration.normEpsilon,
            count: configuration.hidden, into: target)
    }

    /// Norms the heads where the family does, and turns them to the row's position.
    private func rotate(_ layer: Int, _ row: Int) {
        let dimension = configuration.headDimension
        let turns = configuration.slidingWindow(layer: layer) == nil ? plan.turns : plan.slidingTurns
        for (buffer, heads, norms) in [
            (query, configuration.heads, vectors.queryNorms), (key, configuration.keyValueHeads, vectors.keyNorms),
        ] {
            let x = buffer.pointer + row * heads * dimension
            if configuration.headNorms {
                for head in 0..<heads {
                    let slice = x + head * dimension
                    Kernels.rmsNorm(
                        slice, weight: norms[layer].pointer, epsilon: configuration.normEpsilon, count: dimension,
                        into: slice)
                }
            }
            Kernels.rotateHalves(
                x, heads: heads, headDimension: dimension, cosines: turns.cosines + row * dimension / 2,
                sines: turns.sines + row * dimension / 2)
        }
    }

    /// `y = W x` with the base's bias and each span's patch.
    private func linear(_ layer: Int, _ projection: Projection, _ x: FloatBuffer, into y: FloatBuffer) {
        let (outputs, inputs) = projection.shape(in: configuration)
        matrix.multiply(
            files.tensor(.weight(layer, projection)), rowOrder: rowOrders[projection.rawValue],
            scaledInput(layer, projection, x, inputs), rows: plan.rows, into: y.pointer)
        let bias = vectors.bias(layer, projection)
        for index in 0..<plan.spanCount {
            let span = plan.spans[index]
            let target = y.pointer + span.firstRow * outputs
            guard let patch = span.patches?[layer * Projection.allCases.count + projection.rawValue] else {
                PatchEntry.finishBase(target, rows: span.rows, outputs: 0..<outputs, width: outputs, baseBias: bias)
                continue
            }
            patch.shrink(
                x.pointer + span.firstRow * inputs, rows: span.rows, inputs: inputs, into: shrunk.pointer,
                stride: patch.rank)
            patch.expand(
                shrunk.pointer, stride: patch.rank, rows: span.rows, outputs: 0..<outputs, width: outputs, into: target)
            if let mixture = patch.mixture {
                addMixture(mixture, span, x.pointer, inputs: inputs, into: y.pointer, outputs: outputs)
            }
            patch.finish(target, rows: span.rows, outputs: 0..<outputs, width: outputs, baseBias: bias)
        }
    }

    /// x, or a copy of it in which the rows of adapters with an input scale are scaled.
    private func scaledInput(
        _ layer: Int, _ projection: Projection, _ x: FloatBuffer, _ inputs: Int
    ) -> UnsafePointer<Float> {
        guard plan.scalesInput[projection.rawValue] else { return UnsafePointer(x.pointer) }
        scaled.pointer.update(from: x.pointer, count: plan.rows * inputs)
        for index in 0..<plan.spanCount {
            let span = plan.spans[index]
            guard let scale = span.patches?[layer * Projection.allCases.count + projection.rawValue].inputScale else {
                continue
            }
            for row in span.rowRange {
                Kernels.multiply(scaled.pointer + row * inputs, elementwise: scale, count: inputs)
            }
        }
        return UnsafePointer(scaled.pointer)
    }
}
