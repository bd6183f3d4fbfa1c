import Foundation
import JSON
import Tensors
import Testing

@testable import Models

@Suite("mixtures of experts")
struct MixtureTests {
    // MARK: Choosing

    private static func choose(_ selection: ExpertSelection, _ p: [Float]) -> ([Int32], [Float]) {
        let most = selection.most(of: p.count)
        var p = p
        var (chosen, weights) = ([Int32](repeating: -1, count: most), [Float](repeating: -1, count: most))
        let experts = p.count
        let count = selection.choose(&p, experts: experts, into: &chosen, weights: &weights)
        return (Array(chosen[..<count]), Array(weights[..<count]))
    }

    @Test("the k likeliest, in the order of their numbers, with weights that sum to 1")
    func top() {
        #expect(Self.choose(.top(2), [0.25, 0.125, 0.5, 0.125]) == ([0, 2], [0.25 / 0.75, 0.5 / 0.75]))
        #expect(Self.choose(.top(1), [0.25, 0.25, 0.25, 0.25]) == ([0], [1]))
        #expect(Self.choose(.top(9), [0.25, 0.75]) == ([0, 1], [0.25, 0.75]))
        let broken = Self.choose(.top(2), [.nan, .nan, .nan])
        #expect(broken.0 == [0, 1] && broken.1.allSatisfy(\.isNaN))
    }

    @Test("the likeliest until they pass the threshold, not divided")
    func cumulative() {
        let p: [Float] = [0.25, 0.125, 0.5, 0.125]
        #expect(Self.choose(.cumulative(threshold: 0.5, temperature: 0), p) == ([0, 2], [0.25, 0.5]))
        #expect(Self.choose(.cumulative(threshold: 0.49, temperature: 0), p) == ([2], [0.5]))
        #expect(Self.choose(.cumulative(threshold: 0, temperature: 0), p) == ([2], [0.5]))
        #expect(Self.choose(.cumulative(threshold: 1, temperature: 0), p) == ([0, 1, 2, 3], p))
        #expect(Self.choose(.cumulative(threshold: 0.9, temperature: 0.5), p) == ([2], [1]))
        #expect(Self.choose(.cumulative(threshold: 0.5, temperature: 2), p).0 == [0, 1, 2, 3])
        #expect(Self.choose(.all, p) == ([0, 1, 2, 3], p))
    }

    // MARK: Paths

    static let types: [(String, JSONObject)] = [
        ("llama", ["mlp_bias": true]), ("qwen2", ["hidden_size": 40]), ("gemma3_text", ["head_dim": 20, "hidden_size": 44]),
    ]

    private static func rows(_ files: ModelFiles, _ precision: ModelPrecision, _ delta: AdapterDelta?) throws -> [Float] {
        let decoder = try StepWorkspace(files, precision: precision, pool: ReferenceDecoderTests.pool)
        return Sequence(Array(20..<60), delta: delta).logits(decoder).flatMap { $0 }
    }

    /// Dense selections, so that the paths differ by rounding alone and not by whom they choose.
    @Test("the fast path is near the reference path", arguments: types, [false, true])
    func fast(type: (String, JSONObject), scalesDown: Bool) throws {
        let model = try TinyModel(TinyModel.config(type.0, type.1))
        let files = try ModelFiles.open(model.path)
        func delta(_ element: LowRank.Element) throws -> AdapterDelta {
            var random = TinyModel.Random(seed: 7)
            return try Deltas.mixtures(files.configuration, &random, element: element, selections: [.all], scalesDown: scalesDown)
        }
        let reference = try Self.rows(files, .reference, delta(.f32))
        for element in LowRank.Element.allCases {
            #expect(relativeDifference(try Self.rows(files, .fast, delta(element)), reference) < 0.08, "\(element)")
        }
        #expect(relativeDifference(try Self.rows(files, .reference, nil), reference) > 0.08)
        withExtendedLifetime(model) {}
    }

    @Test("one expert that is always chosen is a plain low-rank update")
    func single() throws {
        let model = try TinyModel(TinyModel.config("llama", ["mlp_bias": true]))
        let files = try ModelFiles.open(model.path)
        let configuration = files.configuration
        var random = TinyModel.Random(seed: 3)
        let plain = try Deltas.lowRank(5, configuration, &random, element: .f32)
        var patches: [(layer: Int, projection: Projection, patch: LinearPatch)] = []
        var feedForward: [FeedForwardMixture?] = []
        for layer in 0..<configuration.layers {
            for projection in [Projection.query, .key, .value, .output] {
                let inputs = projection.shape(in: configuration).inputs
                let mixture = LinearMixture(
                    router: FloatBuffer(random.floats(inputs)), selection: .top(1), experts: [plain[layer, projection]?.lowRank])
                patches.append((layer, projection, LinearPatch(mixture: mixture)))
            }
            feedForward.append(
                FeedForwardMixture(
                    router: FloatBuffer(random.floats(configuration.hidden)), selection: .cumulative(threshold: 0.5, temperature: 0),
                    experts: [.init(gate: plain[layer, .gate], up: plain[layer, .up], down: plain[layer, .down])]))
        }
        let mixed = AdapterDelta(layers: configuration.layers, patches: patches, feedForward: feedForward)
        #expect(relativeDifference(try Self.rows(files, .reference, mixed), try Self.rows(files, .reference, plain)) < 1e-5)
        // The fast path's own roundings are the same ones.
        #expect(relativeDifference(try Self.rows(files, .fast, mixed), try Self.rows(files, .fast, plain)) < 1e-4)
        withExtendedLifetime(model) {}
    }

    // MARK: What routers gave

    @Test("a trace has each row's logits and weights, whatever the chunks and the path; counts are their sums", arguments: ModelPrecision.allCases)
    func trace(precision: ModelPrecision) throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let files = try ModelFiles.open(model.path)
        var random = TinyModel.Random(seed: 11)
        let delta = try Deltas.mixtures(files.configuration, &random, element: .f32, selections: [.top(2)])
        let tokens: [Int32] = Array(5..<25)
        func traces(maximumRows: Int) throws -> ExpertTrace {
            let decoder = try StepWorkspace(files, precision: precision, pool: ReferenceDecoderTests.pool, maximumRows: maximumRows)
            let trace = ExpertTrace(of: delta, rows: tokens.count)
            let logits = FloatBuffer(count: decoder.configuration.vocabulary)
            decoder.step(
                StepBatch(tokens: tokens, runs: [.init(tokens: 0..<20, startPosition: 0, blocks: [0, 1], delta: delta)]),
                cache: decoder.makeCache(blocks: 2), logits: logits.pointer, trace: trace)
            return trace
        }
        let whole = try traces(maximumRows: 512)
        let loads = try #require(delta.expertCounts?.loads)
        #expect(delta.routers.count == 2 * 5)
        for router in delta.routers.indices { #expect(delta.expertCounts?.rows(ofRouter: router) == tokens.count) }
        for router in delta.routers {
            var (rows, weight) = ([Int](repeating: 0, count: router.experts.count), [Double](repeating: 0, count: router.experts.count))
            for row in tokens.indices {
                let weights = whole.weights(router, row: row)
                let logits = whole.logits(router, row: row)
                let chosen = weights.indices.filter { weights[$0] > 0 }
                #expect(chosen.count == 2 && abs(weights.reduce(0, +) - 1) < 1e-5)
                // Those with the greatest logits, and weights that are their softmax.
                #expect(logits.indices.sorted { logits[$0] > logits[$1] }.prefix(2).sorted() == chosen)
                let odds = weights[chosen[0]] / weights[chosen[1]]
                #expect(abs(log(Double(odds)) - Double(logits[chosen[0]] - logits[chosen[1]])) < 1e-3)
                for expert in chosen { (rows[expert], weight[expert]) = (rows[expert] + 1, weight[expert] + Double(weights[expert])) }
            }
            #expect(loads[router.experts].map(\.rows) == rows)
            for (load, weight) in zip(loads[router.experts], weight) { #expect(abs(load.weight - weight) < 1e-3) }
        }
        if precision == .fast {
            for cut in [try traces(maximumRows: 3), try traces(maximumRows: 1)] {
                for router in delta.routers {
                    for row in tokens.indices { #expect(cut.logits(router, row: row) == whole.logits(router, row: row)) }
                }
            }
            #expect(delta.expertCounts?.loads.map(\.rows) == loads.map { 3 * $0.rows }, "a row counts once on any number of threads")
        }
        withExtendedLifetime(model) {}
    }

    // MARK: Seam

    @Test("mixtures count their bytes and are refused by the place that does not fit")
    func shapes() throws {
        let configuration = SeamTests.configuration
        let expert = try SeamTests.lowRank(rank: 2, inputs: 8, outputs: 12)
        let mixture = FeedForwardMixture(
            router: FloatBuffer(count: 16), selection: .top(1), experts: [.init(gate: LinearPatch(lowRank: expert)), .init()])
        let delta = AdapterDelta(layers: 2, patches: [], feedForward: [mixture, nil])
        try delta.validate(for: configuration)
        #expect(delta.fits(configuration, .reference))
        #expect(delta.byteCount == expert.byteCount + 64)
        #expect(delta.routers == [ExpertRouter(layer: 0, projection: nil, selection: .top(1), experts: 0..<2)])
        var wrong = mixture
        wrong.experts[1].down = LinearPatch(lowRank: expert)
        let wrongExpert = AdapterDelta(layers: 2, patches: [], feedForward: [nil, wrong])
        #expect(!wrongExpert.fits(configuration, .reference))
        #expect(throws: ModelError(.wrongShape, "the shape is [12, 8], expected [8, 12]", tensor: "layers.1.mlp.down_proj.experts.1")) {
            try wrongExpert.validate(for: configuration)
        }
        wrong = mixture
        wrong.router = FloatBuffer(count: 20)
        let wrongRouter = AdapterDelta(layers: 2, patches: [], feedForward: [nil, wrong])
        #expect(!wrongRouter.fits(configuration, .reference))
        #expect(throws: ModelError.self) { try wrongRouter.validate(for: configuration) }
        let linear = LinearMixture(router: FloatBuffer(count: 18), selection: .all, experts: [nil, nil])
        let wrongGate = AdapterDelta(layers: 2, patches: [(0, .query, LinearPatch(mixture: linear))])
        #expect(!wrongGate.fits(configuration, .fast))
        #expect(throws: ModelError.self) { try wrongGate.validate(for: configuration) }
    }
}
