/// The mixture of one layer's feed-forward in training. The maps' experts are weighted by `router`, not by routers of their own.
struct TrainableFeedForward {
    let router: TrainableRouter
    /// Nil: the base's map alone.
    let gate: TrainableMap?
    let up: TrainableMap?
    let down: TrainableMap?

    var maps: [TrainableMap] { [gate, up, down].compactMap { $0 } }
}
