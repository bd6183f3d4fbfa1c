internal import Synchronization
internal import Tensors

/// A mixture as the inner loops read it. Borrowed from the `AdapterDelta` that holds the tables.
struct MixtureEntry {
    /// 0: there is no mixture, and the pointers are not valid.
    var experts = 0
    /// The most that a row chooses.
    var most = 0
    var inputs = 0
    var selection = ExpertSelection.all
    /// `[experts, inputs]`
    var gate: UnsafePointer<Float>?
    /// Of expert e at `e * parts`; a feed-forward's experts have three parts: gate, up, down.
    var patches: UnsafePointer<PatchEntry>?
    var parts = 1
    /// An expert of a feed-forward scales what the base's down projection gives it.
    var scalesDown = false
    /// Where its experts begin among those of all the delta's mixtures: in `counts` and in traces.
    var first = 0
    /// Of the delta, and this router's own.
    var counts: UnsafePointer<ExpertCounts.Counter>?
    var rows: UnsafePointer<ExpertCounts.Counter>?

    /// Chooses a row's experts and their weights, and answers how many. `p` has room for `experts` floats. The row is counted, and
    /// traced, when `isCounted`. The bits depend on x alone.
    func route(
        _ x: UnsafePointer<Float>, _ p: UnsafeMutablePointer<Float>, into chosen: UnsafeMutablePointer<Int32>,
        weights: UnsafeMutablePointer<Float>, row: Int, trace: ExpertTrace.Span?, isCounted: Bool
    ) -> Int {
        guard let gate else { return 0 }
        Kernels.dots(x, gate, rowCount: experts, count: inputs, into: p)
        if isCounted, let trace { trace.record(logits: p, experts, row: row, from: first) }
        Kernels.softmax(p, count: experts)
        let count = selection.choose(p, experts: experts, into: chosen, weights: weights)
        guard isCounted else { return count }
        rows?.pointee.add(1)
        for place in 0..<count {
            counts?[first + Int(chosen[place])].add(weights[place])
            if let trace { trace.record(weight: weights[place], row: row, expert: first + Int(chosen[place])) }
        }
        return count
    }

    /// One part of one expert.
    func patch(_ expert: Int, _ part: Int = 0) -> UnsafePointer<PatchEntry>? { patches.map { $0 + expert * parts + part } }
}

/// What one `AdapterDelta` has of mixtures, in flat memory.
///
/// `@unchecked Sendable`: filled in `init` and only read after, but for `counts`, which are atomic.
final class MixtureTable: @unchecked Sendable {
    /// Of linear mixtures at `layer * 7 + projection`, then of feed-forwards at `layers * 7 + layer`.
    let entries: UnsafeMutablePointer<MixtureEntry>
    let counts: ExpertCounts
    let routers: [ExpertRouter]
    /// At `layers * 7`.
    let feedForward: UnsafePointer<MixtureEntry>
    let mixesFeedForward: Bool
    let scalesDown: Bool
    /// The most experts that a row chooses in a mixture, and the most that one has.
    let mostChosen: Int
    let mostExperts: Int
    /// For each projection the greatest rank of an expert.
    let largestRank: [Int]
    private let patches: UnsafeMutablePointer<PatchEntry>

    /// Nil without a mixture.
    init?(layers: Int, linear: [LinearMixture?], feedForward mixtures: [FeedForwardMixture?]) {
        let width = Projection.allCases.count
        let count = linear.reduce(0) { $0 + ($1?.experts.count ?? 0) } + mixtures.reduce(0) { $0 + 3 * ($1?.experts.count ?? 0) }
        guard count > 0 else { return nil }
        entries = .allocate(capacity: layers * (width + 1))
        entries.initialize(repeating: MixtureEntry(), count: layers * (width + 1))
        patches = .allocate(capacity: count)
        feedForward = UnsafePointer(entries + layers * width)
        var (routers, placed, first) = ([ExpertRouter](), 0, 0)
        var largestRank = Projection.allCases.map { _ in 0 }
        for layer in 0..<layers {
            for projection in Projection.allCases {
                guard let mixture = linear[layer * width + projection.rawValue] else { continue }
                let experts = mixture.experts.count
                for (index, expert) in mixture.experts.enumerated() {
                    (patches + placed + index).initialize(to: PatchEntry(expert.map { LinearPatch(lowRank: $0) }))
                    largestRank[projection.rawValue] = max(largestRank[projection.rawValue], expert?.rank ?? 0)
                }
                entries[layer * width + projection.rawValue] = MixtureEntry(
                    experts: experts, most: mixture.selection.most(of: experts), inputs: mixture.gate.count / experts,
                    selection: mixture.selection, gate: UnsafePointer(mixture.gate.pointer), patches: UnsafePointer(patches + placed),
                    first: first)
                routers.append(ExpertRouter(layer: layer, projection: projection, selection: mixture.selection, experts: first..<first + experts))
                (placed, first) = (placed + experts, first + experts)
            }
            guard let mixture = mixtures[layer] else { continue }
            let experts = mixture.experts.count
            for (index, expert) in mixture.experts.enumerated() {
                for (part, projection) in FeedForwardMixture.projections.enumerated() {
                    (patches + placed + 3 * index + part).initialize(to: PatchEntry(expert[projection]))
                    largestRank[projection.rawValue] = max(largestRank[projection.rawValue], expert[projection]?.lowRank?.rank ?? 0)
                }
            }
            entries[layers * width + layer] = MixtureEntry(
                experts: experts, most: mixture.selection.most(of: experts), inputs: mixture.router.count / experts,
                selection: mixture.selection, gate: UnsafePointer(mixture.router.pointer), patches: UnsafePointer(patches + placed), parts: 3,
                scalesDown: mixture.experts.contains { $0.down?.outputScale != nil || $0.down?.bias != nil }, first: first)
            routers.append(ExpertRouter(layer: layer, projection: nil, selection: mixture.selection, experts: first..<first + experts))
            (placed, first) = (placed + 3 * experts, first + experts)
        }
        counts = ExpertCounts(experts: first, routers: routers.count)
        for (number, router) in routers.enumerated() {
            let place = router.projection.map { router.layer * width + $0.rawValue } ?? layers * width + router.layer
            (entries[place].counts, entries[place].rows) = (counts.counters, counts.counters + first + number)
        }
        self.routers = routers
        self.largestRank = largestRank
        mixesFeedForward = mixtures.contains { $0 != nil }
        let all = UnsafeBufferPointer(start: entries, count: layers * (width + 1))
        scalesDown = all.contains { $0.scalesDown }
        mostChosen = all.reduce(0) { max($0, $1.most) }
        mostExperts = all.reduce(0) { max($0, $1.experts) }
    }

    deinit {
        entries.deallocate()
        patches.deallocate()
    }
}

/// One router of an adapter, with its experts.
public struct ExpertRouter: Sendable, Equatable {
    public let layer: Int
    /// Nil: of the layer's feed-forward as a whole.
    public let projection: Projection?
    public let selection: ExpertSelection
    /// Places in `ExpertCounts` and `ExpertTrace`.
    public let experts: Range<Int>
}
