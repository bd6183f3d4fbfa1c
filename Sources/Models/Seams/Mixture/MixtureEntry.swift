internal import Synchronization
internal import Tensors

/// A mixture as plain values for inner loops. Borrowed from the `AdapterDelta` that holds the tables.
struct MixtureEntry {
    /// 0: there is no mixture, and the pointers are not valid.
    var experts = 0
    /// The most that a row chooses.
    var most = 0
    var inputs = 0
    var selection = ExpertSelection.all
    /// `[experts, inputs]`
    var router: UnsafePointer<Float>?
    /// Of expert e at `e * parts`; a feed-forward's experts have three parts: gate, up, down.
    var patches: UnsafePointer<PatchEntry>?
    var parts = 1
    /// An expert of a feed-forward scales the output of the down projection, or adds a bias to it: each entry needs a product of its own.
    var finishesDown = false
    /// Where its experts begin among those of all the delta's mixtures: in `counts` and in traces.
    var first = 0
    /// Of the delta, and this router's own.
    var counts: UnsafePointer<ExpertCounts.Counter>?
    var rows: UnsafePointer<ExpertCounts.Counter>?

    /// No mixture.
    init() {}

    /// `patches` are those of its experts; `first` is the place of its first expert among all of the delta.
    init(_ mixture: LinearMixture, patches: UnsafePointer<PatchEntry>, first: Int) {
        experts = mixture.experts.count
        most = mixture.selection.most(of: experts)
        inputs = mixture.router.count / experts
        selection = mixture.selection
        router = UnsafePointer(mixture.router.pointer)
        self.patches = patches
        self.first = first
    }

    init(_ mixture: FeedForwardMixture, patches: UnsafePointer<PatchEntry>, first: Int) {
        experts = mixture.experts.count
        most = mixture.selection.most(of: experts)
        inputs = mixture.router.count / experts
        selection = mixture.selection
        router = UnsafePointer(mixture.router.pointer)
        self.patches = patches
        parts = FeedForwardMixture.projections.count
        finishesDown = mixture.experts.contains { $0.down?.outputScale != nil || $0.down?.bias != nil }
        self.first = first
    }

    /// Chooses a row's experts and their weights, and returns their number. `p` has room for `experts` floats. The row is counted and
    /// traced when `isCounted`. The bits depend on x alone.
    func route(
        _ x: UnsafePointer<Float>, _ p: UnsafeMutablePointer<Float>, into chosen: UnsafeMutablePointer<Int32>,
        weights: UnsafeMutablePointer<Float>, row: Int, trace: ExpertTrace.View?, isCounted: Bool
    ) -> Int {
        guard let router else { return 0 }
        Kernels.dots(x, router, rowCount: experts, count: inputs, into: p)
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
