internal import Tensors

/// Sets elements of each source's change to zero, and makes up for them with `rescale`.
///
/// PyTorch's sorts leave the order of equal magnitudes open; here they are sorted by their place in the tensor.
final class Pruning {
    private enum Kind {
        case none
        case everything
        /// By magnitude; the counts of equals start anew in each segment.
        case range(Kernels.MagnitudeRange, lowBefore: [Int], highBefore: [Int])
        /// At random (DARE, Yu et al. 2024).
        case random(density: Double, RandomKey)
        /// At random, more probably the smaller ones of a row (DELLA, Deep et al. 2024).
        case ranked(density: Double, epsilon: Double, RandomKey)
    }

    private var kinds: [Kind] = []
    /// What survives is multiplied by it.
    private var factors: [Float]
    /// `[threads, sources]`: where each is in its segment.
    private let ranges: UnsafeMutablePointer<Kernels.MagnitudeRange>
    private let ranking: [RowRanking]

    /// Takes the passes that it needs: two for thresholds, one for `rescale`.
    init(_ merge: CheckedMerge, _ method: MergeMethod, _ pass: MergePass) throws(MergeError) {
        let count = merge.sources.count
        factors = [Float](repeating: 1, count: count)
        ranges = .allocate(capacity: max(1, pass.threads * count))
        ranges.initialize(repeating: .init(), count: pass.threads * count)
        let isDella = method == .della || method == .dellaLinear
        ranking = (0..<pass.threads).map { _ in RowRanking(columns: isDella ? pass.layout.columns : 0) }
        kinds = try Self.kinds(merge, method, pass)
        if merge.flag("rescale") { try rescale(merge, pass) }
    }

    deinit { ranges.deallocate() }

    /// The changes are in the first buffers.
    func prune(_ block: MergeBlock) {
        for index in kinds.indices {
            prune(block, index)
            if factors[index] != 1 { Kernels.multiply(block.buffers[index], by: factors[index], count: block.count) }
        }
    }

    private func prune(_ block: MergeBlock, _ index: Int) {
        let change = block.buffers[index]
        switch kinds[index] {
        case .none: break
        case .everything: change.update(repeating: 0, count: block.count)
        case .range(var range, let lowBefore, let highBefore):
            let place = ranges + block.thread * kinds.count + index
            if block.isFirst {
                range.lowSeen = lowBefore[block.segment]
                range.highSeen = highBefore[block.segment]
                place.pointee = range
            }
            Kernels.keep(&place.pointee, of: change, count: block.count)
        case .random(let density, let key): Kernels.keep(density: density, key: key.value, of: change, first: block.first, count: block.count)
        case .ranked(let density, let epsilon, let key):
            for row in 0..<block.rows.count {
                ranking[block.thread].prune(
                    change + row * block.columns, first: block.first + row * block.columns, density: density, epsilon: epsilon, key: key)
            }
        }
    }

    private static func kinds(_ merge: CheckedMerge, _ method: MergeMethod, _ pass: MergePass) throws(MergeError) -> [Kind] {
        switch method {
        case .ties: return try byMagnitude(merge, pass, firstAreHighest: true) { source in largest(source.number("density"), of: pass.layout.elements) }
        case .breadcrumbs, .breadcrumbsTies:
            return try byMagnitude(merge, pass, firstAreHighest: false) { source in
                middle(source.number("density"), gamma: source.number("gamma"), of: pass.layout.elements)
            }
        case .dareLinear, .dareTies:
            return merge.sources.enumerated().map { index, source in
                let density = source.number("density")
                return density < 1 ? .random(density: density, RandomKey(seed: merge.seed, source: index)) : .none
            }
        case .della, .dellaLinear:
            return merge.sources.enumerated().map { index, source in
                let density = source.number("density")
                guard density < 1 else { return .none }
                guard density > 0 else { return .everything }
                return .ranked(density: density, epsilon: source.number("epsilon"), RandomKey(seed: merge.seed, source: index))
            }
        default: return merge.sources.map { _ in .none }
        }
    }

    /// Places in the sorted order that are kept; nil: all.
    private static func largest(_ density: Double, of elements: Int) -> Range<Int>? {
        guard density < 1 else { return nil }
        guard density > 0 else { return 0..<0 }
        return elements - max(1, Int(density * Double(elements)))..<elements
    }

    private static func middle(_ density: Double, gamma: Double, of elements: Int) -> Range<Int>? {
        guard density < 1 else { return nil }
        let kept = Int(density * Double(elements))
        let bottom = max(0, elements - kept - Int(gamma * Double(elements)))
        return bottom..<bottom + kept
    }

    /// - Parameters:
    ///   - firstAreHighest: equal magnitudes are sorted by their place in the tensor, the first ones highest, or lowest.
    ///   - places: of the sorted order that a source keeps.
    private static func byMagnitude(
        _ merge: CheckedMerge, _ pass: MergePass, firstAreHighest: Bool, _ places: (CheckedMerge.Source) -> Range<Int>?
    ) throws(MergeError) -> [Kind] {
        let kept = merge.sources.map(places)
        guard kept.contains(where: { $0.map { !$0.isEmpty } ?? false }) else { return kept.map { $0 == nil ? .none : .everything } }
        let ranks = try MagnitudeRanks(streams: merge.sources.count, buffers: merge.readBuffers, pass: pass, fill: merge.readChanges)
            .ranks(kept.map { $0.map { $0.isEmpty ? [] : [$0.lowerBound, $0.upperBound - 1] } ?? [] })
        return zip(kept, ranks).map { kept, ranks in
            guard let kept else { return .none }
            guard let low = ranks.first, let high = ranks.last else { return .everything }
            var range = Kernels.MagnitudeRange()
            range.low = low.bits > 0 ? low.bits : -1
            if firstAreHighest {
                range.lowTo = low.below + low.equal - kept.lowerBound
            } else {
                range.lowFrom = kept.lowerBound - low.below
                range.lowTo = low.bits == high.bits ? kept.upperBound - low.below : low.equal
                range.high = high.bits
                range.highTo = kept.upperBound - high.below
            }
            return .range(range, lowBefore: low.equalBefore, highBefore: high.equalBefore)
        }
    }

    /// Gives what survives the L1 norm of the whole, unless either is below 1e-7.
    private func rescale(_ merge: CheckedMerge, _ pass: MergePass) throws(MergeError) {
        let pruned = kinds.indices.filter { if case .none = kinds[$0] { false } else { true } }
        guard !pruned.isEmpty else { return }
        let sums = SegmentSums(figures: 2 * pruned.count, pass: pass)
        try pass.run(buffers: merge.readBuffers) { block throws(MergeError) in
            try merge.readChanges(block)
            sums.add(block) { lanes in
                for (figure, index) in pruned.enumerated() {
                    Kernels.addMagnitudes(block.buffers[index], first: block.first, count: block.count, to: lanes(2 * figure))
                    prune(block, index)
                    Kernels.addMagnitudes(block.buffers[index], first: block.first, count: block.count, to: lanes(2 * figure + 1))
                }
            }
        }
        for (figure, index) in pruned.enumerated() {
            let (whole, kept) = (Float(sums.total(2 * figure)), Float(sums.total(2 * figure + 1)))
            if whole >= 1e-7, kept >= 1e-7 { factors[index] = whole / kept }
        }
    }
}
