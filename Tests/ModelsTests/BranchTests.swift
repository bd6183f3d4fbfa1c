import Models
import Tensors
import Testing

@Suite("branches beside the feed-forward") struct BranchTests {
    private let configuration = SeamTests.configuration

    private func delta(offsets: [Float]?, scale: Float = 1) throws -> AdapterDelta {
        let (a, b) = ([Float](repeating: 0, count: 16), (0..<16).map { Float($0) / 8 })
        let branch = try LowRank(a: a, transposedB: b, rank: 2, inputs: 8, outputs: 8, scale: scale, element: .f32)
        return AdapterDelta(layers: 2, branches: [nil, BranchPatch(branch, offsets: offsets.map { FloatBuffer($0) })])
    }

    @Test("offsets of another rank do not fit, and the error names the layer")
    func wrongOffsets() throws {
        let delta = try delta(offsets: [1, 2, 3])
        #expect(throws: ModelError(.wrongShape, "the shape is [3], expected [2]", tensor: "layers.1.mlp.offsets")) {
            try delta.validate(for: configuration)
        }
        try self.delta(offsets: [1, 2]).validate(for: configuration)
    }

    @Test("offsets count among the bytes")
    func bytes() throws {
        #expect(try delta(offsets: [1, 2]).byteCount == (try delta(offsets: nil).byteCount) + 8)
    }

    /// A is zero, so the branch adds `scale * B offsets` to every row: the same as a bias behind the down projection.
    @Test("offsets are what is added where A x is zero, on both paths", arguments: [ModelPrecision.fast, .reference])
    func constant(precision: ModelPrecision) throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let files = try ModelFiles.open(model.path)
        let hidden = files.configuration.hidden
        var random = TinyModel.Random(seed: 11)
        let (b, offsets) = (random.floats(3 * hidden), random.floats(3))
        let branch = try LowRank(
            a: [Float](repeating: 0, count: 3 * hidden), transposedB: b, rank: 3, inputs: hidden, outputs: hidden, scale: 0.5, element: .f32)
        let bias = (0..<hidden).map { index in (0..<3).reduce(Float(0)) { $0 + 0.5 * offsets[$1] * b[$1 * hidden + index] } }
        let decoder = try StepWorkspace(files, precision: precision, pool: WorkerPool(threads: 2))
        let tokens: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6]
        let branched = AdapterDelta(layers: 2, branches: [nil, BranchPatch(branch, offsets: FloatBuffer(offsets))])
        let biased = AdapterDelta(layers: 2, patches: [(1, .down, LinearPatch(bias: FloatBuffer(bias)))])
        let (found, expected) = (Sequence(tokens, delta: branched).logits(decoder), Sequence(tokens, delta: biased).logits(decoder))
        let base = Sequence(tokens).logits(decoder)
        for row in tokens.indices {
            #expect(relativeDifference(found[row], expected[row]) < (precision == .fast ? 2e-2 : 1e-5))
            #expect(relativeDifference(found[row], base[row]) > 0.05)
        }
        withExtendedLifetime(model) {}
    }

    @Test("a row with offsets alone has the bits that it has in a batch")
    func alone() throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let files = try ModelFiles.open(model.path)
        let hidden = files.configuration.hidden
        var random = TinyModel.Random(seed: 12)
        func delta(_ rank: Int, _ element: LowRank.Element) throws -> AdapterDelta {
            let lowRank = try LowRank(
                a: random.floats(rank * hidden, scale: 0.2), transposedB: random.floats(rank * hidden, scale: 0.2), rank: rank,
                inputs: hidden, outputs: hidden, scale: 0.7, element: element)
            return AdapterDelta(layers: 2, branches: [BranchPatch(lowRank, offsets: FloatBuffer(random.floats(rank))), nil])
        }
        let decoder = try StepWorkspace(files, precision: .fast, pool: WorkerPool(threads: 2))
        let tokens: [Int32] = [7, 7, 1, 0, 4]
        var first: Int32 = 0
        let sequences = try [(5, LowRank.Element.bf16), (33, .f32), (1, .bf16)].map { rank, element in
            defer { first += 1 }
            return Sequence(tokens, delta: try delta(rank, element), firstBlock: first)
        }
        let runs = sequences.enumerated().map { index, sequence in
            StepBatch.Run(tokens: 5 * index..<5 * index + 5, startPosition: 0, blocks: sequence.blocks, delta: sequence.delta, logits: .all)
        }
        let together = decoder.rows(StepBatch(tokens: tokens + tokens + tokens, runs: runs), decoder.makeCache(blocks: 3))
        #expect(together == sequences.flatMap { $0.logits(decoder, chunk: 1) })
        withExtendedLifetime(model) {}
    }
}
