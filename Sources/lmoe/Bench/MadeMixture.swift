import Models
import Tensors

/// A MixLoRA with made-up matrices, as is usual: plain pairs on attention, 8 experts in each feed-forward of which a row has 2, all of
/// one rank, in int8 in memory.
struct MadeMixture {
    static let experts = 8
    static let chosen = 2

    private let configuration: DecoderConfiguration
    /// The plain pairs, and those of the first expert.
    private let plain: MadeAdapter
    private let seed: UInt64

    init(rank: Int, seed: UInt64, for configuration: DecoderConfiguration) {
        self.configuration = configuration
        self.seed = seed
        plain = MadeAdapter(rank: rank, seed: seed, for: configuration)
    }

    /// Bytes of a file's elements, in bf16.
    var byteCount: Int {
        plain.pairs.reduce(0) { $0 + ($1.a.byteCount + $1.b.byteCount) * (Self.hasExperts($1.projection) ? Self.experts : 1) }
            + 2 * configuration.layers * Self.experts * configuration.hidden
    }

    private static func hasExperts(_ projection: Projection) -> Bool { [.gate, .up, .down].contains(projection) }

    /// In memory of its own. Experts have equal matrices, which takes no time less to read.
    func delta() throws(ModelError) -> AdapterDelta {
        let copies = plain.pairs.map { Self.hasExperts($0.projection) ? Self.experts : 1 }
        let byteCount = zip(plain.pairs, copies).reduce(0) { sum, pair in
            sum + pair.1 * LowRank.footprint(a: pair.0.a, b: pair.0.b, element: .int8)
        }
        let memory = try ModelError.inMemory(of: "made") { () throws(ResourceError) in try MatrixMemory(byteCount: byteCount) }
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        var experts = [[FeedForwardMixture.Expert]](
            repeating: .init(repeating: .init(), count: Self.experts), count: configuration.layers)
        for (pair, copies) in zip(plain.pairs, copies) {
            for copy in 0..<copies {
                let patch = LinearPatch(lowRank: try LowRank(a: pair.a, b: pair.b, scale: 1, element: .int8, memory: memory))
                switch pair.projection {
                case .gate: experts[pair.layer][copy].gate = patch
                case .up: experts[pair.layer][copy].up = patch
                case .down: experts[pair.layer][copy].down = patch
                default: patches.append((pair.layer, pair.projection, patch))
                }
            }
        }
        var source = BitSource(state: seed)
        let feedForward = experts.map { experts in
            let router = (0..<Self.experts * configuration.hidden).map { _ in Float.random(in: -0.1...0.1, using: &source) }
            return FeedForwardMixture(router: FloatBuffer(router), selection: .top(Self.chosen), experts: experts)
        }
        return AdapterDelta(layers: configuration.layers, patches: patches, feedForward: feedForward)
    }
}
