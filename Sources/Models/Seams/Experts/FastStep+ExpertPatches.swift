internal import Tensors

/// Updates of the base's experts: shrinking belongs to the row phases, expanding to the output phases.
///
/// An entry is a row with one of its experts. Gate and up shrink by entries as rows have them, down by entries as experts have them.
extension FastStep {
    /// `logits += s B (A n)` of one row.
    func adaptRouter(_ patch: UnsafePointer<PatchEntry>, row: Int, _ layout: ExpertLayout) {
        patch.pointee.shrink(inputs.normed + row * hidden, rows: 1, inputs: hidden, into: experts.routerShrunk, stride: patch.pointee.rank)
        patch.pointee.expand(
            experts.routerShrunk, stride: patch.pointee.rank, rows: 1, outputs: 0..<layout.count, width: layout.count,
            into: experts.probabilities)
    }

    /// `h = s A n` of gate and up, for this thread's rows of a band, which have chosen their experts.
    func shrinkExperts(_ patches: ExpertsEntries, _ layout: ExpertLayout, _ layer: Int, _ own: Range<Int>) {
        sortByExpert(layout, own)
        for expert in 0..<layout.count {
            let group = expertGroup(expert)
            if group.isEmpty { continue }
            for part in 0..<2 {
                guard let patch = patches.patch(layer, expert, part) else { continue }
                let offset = experts.shrunkOffset[part]
                if patch.pointee.element == .int8 {
                    patch.pointee.shrink(
                        inputs.quantized, rows: experts.rows + group.lowerBound, count: group.count, inputs: hidden, next: nil,
                        into: experts.shrunkBlocks, rows: experts.entries + group.lowerBound, block: offset / 32)
                    continue
                }
                for place in group {
                    patch.pointee.shrink(
                        inputs.normed + Int(experts.rows[place]) * hidden, rows: 1, inputs: hidden,
                        into: experts.shrunk + Int(experts.entries[place]) * experts.shrunkStride + offset, stride: experts.shrunkStride)
                }
            }
        }
    }

    /// `y += B h` of gate or up, for this thread's slice of the outputs and the sorted entries of one expert.
    func expandExperts(
        _ layer: Int, _ expert: Int, _ part: Int, _ group: Range<Int>, _ outputs: Range<Int>, _ width: Int, into y: UnsafeMutablePointer<Float>
    ) {
        let offset = experts.shrunkOffset[part]
        var first = group.lowerBound
        for number in 0..<plan.bandCount {
            let some = entries(of: plan.bands[number], from: first, group)
            first = some.upperBound
            guard !some.isEmpty, let patch = plan.bands[number].experts?.patch(layer, expert, part) else { continue }
            if patch.pointee.element == .int8 {
                patch.pointee.expand(
                    experts.shrunkBlocks, block: offset / 32, rows: experts.entries + some.lowerBound, count: some.count, outputs: outputs,
                    width: width, next: nil, into: y + some.lowerBound * width, rows: nil)
                continue
            }
            for place in some {
                patch.pointee.expand(
                    experts.shrunk + Int(experts.entries[place]) * experts.shrunkStride + offset, stride: experts.shrunkStride, rows: 1,
                    outputs: outputs, width: width, into: y + place * width)
            }
        }
    }

    /// `h = s A u` of down, for some of the sorted entries.
    func shrinkDown(_ layout: ExpertLayout, _ layer: Int, _ own: Range<Int>) {
        let (offset, width) = (experts.shrunkOffset[2], shape.feedForward)
        for expert in 0..<layout.count {
            let group = expertGroup(expert).clamped(to: own)
            if group.isEmpty { continue }
            var first = group.lowerBound
            for number in 0..<plan.bandCount {
                let some = entries(of: plan.bands[number], from: first, group)
                first = some.upperBound
                guard !some.isEmpty, let patch = plan.bands[number].experts?.patch(layer, expert, 2) else { continue }
                if patch.pointee.element == .int8 {
                    patch.pointee.shrink(
                        experts.activated, rows: some, inputs: width, next: nil, into: experts.shrunkBlocks, block: offset / 32)
                } else {
                    patch.pointee.shrink(
                        experts.gate + some.lowerBound * width, rows: some.count, inputs: width,
                        into: experts.shrunk + some.lowerBound * experts.shrunkStride + offset, stride: experts.shrunkStride)
                }
            }
        }
    }

    /// `y += B h` of down, into `experts.down`.
    func expandDown(_ layer: Int, _ expert: Int, _ group: Range<Int>, _ outputs: Range<Int>) {
        let offset = experts.shrunkOffset[2]
        var first = group.lowerBound
        for number in 0..<plan.bandCount {
            let some = entries(of: plan.bands[number], from: first, group)
            first = some.upperBound
            guard !some.isEmpty, let patch = plan.bands[number].experts?.patch(layer, expert, 2) else { continue }
            if patch.pointee.element == .int8 {
                patch.pointee.expand(
                    experts.shrunkBlocks, block: offset / 32, rows: some, outputs: outputs, width: hidden, next: nil, into: experts.down)
            } else {
                patch.pointee.expand(
                    experts.shrunk + some.lowerBound * experts.shrunkStride + offset, stride: experts.shrunkStride, rows: some.count,
                    outputs: outputs, width: hidden, into: experts.down + some.lowerBound * hidden)
            }
        }
    }

    /// The sorted entries of an expert from one on that are of a band's rows. An expert's entries lie in the order of their rows, and so do
    /// bands.
    private func entries(of band: RowPlan.Band, from first: Int, _ group: Range<Int>) -> Range<Int> {
        var end = first
        while end < group.upperBound, Int(experts.rows[end]) < band.firstRow + band.rows { end += 1 }
        return first..<end
    }
}
