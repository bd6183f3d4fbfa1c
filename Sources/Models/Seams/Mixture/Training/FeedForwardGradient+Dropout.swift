internal import Tensors

/// Dropout of experts' inputs, as MoE-PEFT does: `A_e (x * M_e)` with a mask M of its own for each row, map and expert, which backward
/// makes again. So A x cannot be shared by the experts of a row: it is made entry by entry. The router and the base read x itself.
extension FeedForwardGradient {
    /// Scratch, `[entries, stride]` each: threads may be at maps of different widths.
    final class DropoutScratch {
        /// Masked inputs of one map at a time.
        let input = GrowingFloats()
        /// What reaches them through A.
        let slopes = GrowingFloats()
        private(set) var stride = 0

        /// Makes room for a step.
        func reserve(entries: Int, widest: Int) throws(ResourceError) {
            stride = widest
            for own in [input, slopes] { try own.grow(to: entries * widest) }
        }
    }

    /// The input of the down projection's A for an expert's entries, from the first entry of the step on: `u_e`, or u_e times the masks.
    func downInput(_ expert: Int, _ band: ExpertEntries, _ entries: Range<Int>) -> (x: UnsafePointer<Float>, stride: Int) {
        guard band.isDropped else { return (UnsafePointer(activated.pointer), width) }
        for entry in entries {
            band.mask(entry, .down, expert)
                .multiply(activated.pointer + entry * width, into: dropped.input.pointer + entry * dropped.stride, width)
        }
        return (UnsafePointer(dropped.input.pointer), dropped.stride)
    }

    /// Gate or up: `entryLow = A_e (h * M_e)` of an expert's entries, with their masked inputs in `dropped.input`.
    func shrinkMasked(
        _ map: TrainableMap, _ projection: Projection, _ expert: Int, _ band: ExpertEntries, _ entries: Range<Int>,
        _ h: UnsafePointer<Float>
    ) {
        let (rank, hidden) = (map.expertRank, hidden)
        for entry in entries {
            band.mask(entry, projection, expert)
                .multiply(h + band.row(entry) * hidden, into: dropped.input.pointer + entry * dropped.stride, hidden)
        }
        Kernels.matmul(
            .init(dropped.input.pointer + entries.lowerBound * dropped.stride, rowStride: dropped.stride),
            .init(map.shrinking.pointer + expert * rank, rowStride: map.paddedRank), into: entryLow.pointer + entries.lowerBound * rank,
            cStride: rank, rows: entries.count, columns: rank, depth: hidden, adds: false)
    }

    /// Down: `du += (w_e T_e A_e) * M_e` of an expert's entries, with `w_e T_e` in `entryBack`.
    func addMaskedDownSlopes(_ map: TrainableMap, _ a: UnsafePointer<Float>, _ expert: Int, _ band: ExpertEntries, _ entries: Range<Int>) {
        slopes(map, a, expert, entries, count: width)
        for entry in entries {
            band.mask(entry, .down, expert)
                .addMultiplied(dropped.slopes.pointer + entry * dropped.stride, to: activated.pointer + entry * width, width)
        }
    }

    /// `dropped.slopes = T_e A_e` of an expert's entries, with T_e in `entryBack`.
    private func slopes(_ map: TrainableMap, _ a: UnsafePointer<Float>, _ expert: Int, _ entries: Range<Int>, count: Int) {
        let (rank, stride) = (map.expertRank, dropped.stride)
        Kernels.matmul(
            .init(entryBack.pointer + entries.lowerBound * rank, rowStride: rank), .init(a + expert * rank * count, rowStride: count),
            into: dropped.slopes.pointer + entries.lowerBound * stride, cStride: stride, rows: entries.count, columns: count, depth: rank,
            adds: false)
    }

    /// Gate or up: `dA_e += T_eᵀ (h * M_e)`, with T_e in `entryBack` and the masked inputs in `dropped.input`.
    func addMaskedGradient(_ gradient: UnsafeMutablePointer<Float>, _ map: TrainableMap, _ band: ExpertEntries) {
        let (rank, hidden) = (map.expertRank, hidden)
        eachSlice(0..<hidden) { columns in
            for (expert, group) in band.groups.enumerated() where !group.isEmpty {
                Kernels.matmul(
                    .init(entryBack.pointer + group.lowerBound * rank, rowStride: 1, columnStride: rank),
                    .init(dropped.input.pointer + group.lowerBound * dropped.stride + columns.lowerBound, rowStride: dropped.stride),
                    into: gradient + expert * rank * hidden + columns.lowerBound, cStride: hidden, rows: rank, columns: columns.count,
                    depth: group.count, adds: true)
            }
        }
    }

    /// Gate or up: `dx += sum of (T_e A_e) * M_e`, with the rows' T in `back`.
    func addMaskedInputSlopes(
        _ map: TrainableMap, _ projection: Projection, _ band: ExpertEntries, _ back: GrowingFloats, into dx: FloatBuffer
    ) {
        guard let a = map.a else { return }
        let (rank, hidden) = (map.expertRank, hidden)
        eachGroup(band) { expert, entries in
            for entry in entries {
                (entryBack.pointer + entry * rank).update(
                    from: back.pointer + band.row(entry) * map.paddedRank + expert * rank, count: rank)
            }
            slopes(map, a, expert, entries, count: hidden)
        }
        eachSlice(band.band.rows) { rows in
            for row in rows {
                band.each(ofRow: row) { expert, entry in
                    band.mask(entry, projection, expert)
                        .addMultiplied(dropped.slopes.pointer + entry * dropped.stride, to: dx.pointer + row * hidden, hidden)
                }
            }
        }
    }
}
