internal import Tensors

/// The two ends of the decoder: the embedding and the vocabulary projection.
extension FastStep {
    /// This thread's rows of the embedding into the residual stream.
    func embed() {
        let own = shape.outputNorms ? inputSlice : slice
        if plan.patchesEmbedding {
            for index in 0..<plan.segmentCount {
                let segment = plan.segments[index]
                for row in own.clamped(to: segment.rowRange) { embed(row, segment.embedding) }
            }
        } else {
            for row in own { embed(row, nil) }
        }
        barrier(after: .embedding)
    }

    /// This thread's rows of a stream that is known into the residual stream.
    func enter(_ entry: FeedForwardEntry) {
        let own = shape.outputNorms ? inputSlice : slice
        (residual + own.lowerBound * hidden).update(from: entry.residual + own.lowerBound * hidden, count: own.count * hidden)
        barrier(after: .embedding)
    }

    /// One row: the token's, of an adapter or of the base.
    private func embed(_ row: Int, _ patch: UnsafePointer<EmbeddingEntry>?) {
        let (token, target) = (Int(plan.tokens[row]), residual + row * hidden)
        if patch?.pointee.read(token, into: target) != true { embedBase(token, into: target) }
        patch?.pointee.finish(token, target, hidden: hidden)
        let scale = shape.embeddingScale
        if scale != 1 { Kernels.multiply(target, by: scale, count: hidden) }
    }

    private func embedBase(_ token: Int, into target: UnsafeMutablePointer<Float>) {
        if let embedding = decoder.weights.embedding {
            embedding.dequantizeRows(token..<token + 1, into: target)
        } else {
            headWeights.dequantizeRow(token, columns: hidden, into: target)
        }
    }

    /// The vocabulary projection of the rows that need it.
    func head(_ logits: LogitRows) {
        let count = plan.logitsCount
        guard count > 0 else { return }
        defer { end(.head) }
        let own = rows == 1 ? 0..<1 : WorkerPool.slice(count, of: thread, threads: threads)
        let outputNorm = layers[shape.layers - 1].feedForwardOutputNorm
        if plan.patchesNorms {
            normHeadBands(own, outputNorm)
        } else {
            for index in own {
                let row = Int(plan.logitsRows[index])
                if let outputNorm { addProjected(row, through: outputNorm) }
                norm(row, finalNorm, into: index)
            }
        }
        if plan.patchesHead { shrinkHead(own) }
        inputBarrier(after: .rows)
        let outputs = outputSlice(shape.vocabulary)
        if outputs.isEmpty, !plan.patchesHead { return }
        if plan.patchesHead {
            multiplyPatchedHead(outputs, logits)
        } else {
            multiplyHead(0..<count, outputs, logits)
        }
        guard shape.logitSoftCap > 0 else { return }
        if plan.patchesHead {
            capPatchedHead(outputs, logits)
        } else {
            cap(0..<count, outputs, logits)
        }
    }

    /// The family's bound of logits, for what this thread has made of some rows.
    func cap(_ range: Range<Int>, _ outputs: Range<Int>, _ logits: LogitRows) {
        if outputs.isEmpty { return }
        for row in range { Kernels.softCap(logits.row(row) + outputs.lowerBound, cap: shape.logitSoftCap, count: outputs.count) }
    }

    /// The base's head, of some rows of logits.
    func multiplyHead(_ range: Range<Int>, _ outputs: Range<Int>, _ logits: LogitRows) {
        if outputs.isEmpty { return }
        headWeights.multiply(
            inputs.quantized, rows: range, outputs: outputs, into: logits.pointer, stride: logits.stride)
    }
}
