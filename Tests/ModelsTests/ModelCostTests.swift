import Tensors
import Testing

@testable import Models

@Suite struct ModelCostTests {
    /// 2 layers, hidden 48, 4 heads and 2 key-value heads of 12, feed-forward 80, vocabulary 96.
    private static func decoder() throws -> (TinyModel, DecoderWeights) {
        let model = try TinyModel(TinyModel.config("llama"))
        return (
            model, try DecoderWeights(ModelFiles.open(model.path), precision: .fast, pool: WorkerPool(threads: 1))
        )
    }

    private static func batch(_ rows: Int, _ deltas: [AdapterDelta?], logits: StepBatch.Run.Logits = .last) -> StepBatch {
        StepBatch(
            tokens: (0..<Int32(rows)).map { $0 },
            runs: (0..<rows).map {
                .init(tokens: $0..<$0 + 1, startPosition: 4, blocks: [Int32($0)], delta: deltas[$0 % deltas.count], logits: logits)
            })
    }

    private static let layerWeights = 48 * 48 + 2 * 24 * 48 + 48 * 48 + 3 * 80 * 48

    @Test("a row's products are those of the model's shapes, and weights are read once for all rows")
    func base() throws {
        let (model, decoder) = try Self.decoder()
        defer { withExtendedLifetime(model) {} }
        let one = decoder.cost(of: Self.batch(1, [nil]))
        let three = decoder.cost(of: Self.batch(3, [nil]))
        #expect(one.int8Operations == 2 * (2 * Self.layerWeights + 96 * 48))
        #expect(three.int8Operations == 3 * one.int8Operations)
        // Queries with 5 keys and weights with 5 values, in 4 heads of 12.
        #expect(one.f32Operations == 2 * (2 * 2 * 5 * 48))
        // 5 positions of 2 x 24 f16 elements in 2 layers come with each sequence.
        let cached = 2 * 5 * 2 * 24 * 2
        #expect(one.bytes == decoder.weightBytes + cached)
        #expect(three.bytes == decoder.weightBytes + 3 * cached)
    }

    @Test("an adapter is read once however many rows have it, and its products are those of its rank")
    func adapters() throws {
        let (model, decoder) = try Self.decoder()
        defer { withExtendedLifetime(model) {} }
        var random = TinyModel.Random(seed: 5)
        let first = try Deltas.lowRank(3, decoder.configuration, &random)
        let second = try Deltas.lowRank(3, decoder.configuration, &random)
        let base = decoder.cost(of: Self.batch(4, [nil]))
        let same = decoder.cost(of: Self.batch(4, [first]))
        let different = decoder.cost(of: Self.batch(4, [first, second]))
        let half = decoder.cost(of: Self.batch(4, [first, nil]))
        #expect(same.bytes == base.bytes + first.byteCount)
        #expect(different.bytes == base.bytes + first.byteCount + second.byteCount)
        let widths = 2 * (4 * 48 + 2 * (24 + 48) + 3 * (80 + 48))
        #expect(same.f32Operations == base.f32Operations + 4 * 2 * 3 * widths)
        #expect(different.f32Operations == same.f32Operations)
        #expect(half.f32Operations == base.f32Operations + 2 * 2 * 3 * widths)
    }

    @Test("rows with a head of their own read that instead of the base's, and an embedding's rows count")
    func vocabulary() throws {
        let (model, decoder) = try Self.decoder()
        defer { withExtendedLifetime(model) {} }
        var random = TinyModel.Random(seed: 6)
        let matrix = try VocabularyMatrix(TinyModel.view("m", [96, 48], random.floats(96 * 48)), element: .int8)
        let rows = try TokenRows(tokens: [3, 1], rows: TinyModel.view("r", [2, 48], random.floats(96)))
        let lowRank = try EmbeddingLowRank(
            a: TinyModel.view("a", [5, 96], random.floats(5 * 96)), b: TinyModel.view("b", [48, 5], random.floats(5 * 48)), scale: 1,
            element: .f32)
        let delta = AdapterDelta(
            layers: 2, patches: [], embedding: EmbeddingPatch(table: matrix, lowRank: lowRank), head: HeadPatch(matrix: matrix, rows: rows))
        #expect(delta.byteCount == matrix.byteCount + rows.byteCount + lowRank.byteCount)
        let base = decoder.cost(of: Self.batch(2, [nil]))
        let own = decoder.cost(of: Self.batch(2, [delta]))
        let both = decoder.cost(of: Self.batch(2, [nil, delta]))
        #expect(own.phases.count == base.phases.count + 1)
        #expect(own.int8Operations == base.int8Operations && both.int8Operations == base.int8Operations)
        #expect(own.phases.last?.bytes == matrix.byteCount + rows.byteCount)
        #expect(both.phases.last?.bytes == (decoder.packed?.head.byteCount ?? 0) + matrix.byteCount + rows.byteCount)
        #expect(own.phases[0].bytes == 2 * (matrix.byteCount / 96 + 4 * 5) + 4 * 5 * 48)
        #expect(own.f32Operations == base.f32Operations + 2 * 2 * 5 * 48 + 2 * 2 * 2 * 48)
    }

    @Test("of a mixture a row reads its router and the experts that it chooses")
    func mixtures() throws {
        let (model, decoder) = try Self.decoder()
        defer { withExtendedLifetime(model) {} }
        let expert = try LowRank(
            a: TinyModel.view("a", [3, 48], [Float](repeating: 1, count: 144)), b: TinyModel.view("b", [80, 3], [Float](repeating: 1, count: 240)),
            scale: 1, element: .f32)
        func delta(_ selection: ExpertSelection) -> AdapterDelta {
            let experts = [FeedForwardMixture.Expert](repeating: .init(gate: LinearPatch(lowRank: expert)), count: 4)
            let mixture = FeedForwardMixture(router: FloatBuffer(count: 4 * 48), selection: selection, experts: experts)
            return AdapterDelta(layers: 2, patches: [], feedForward: [mixture, nil])
        }
        let base = decoder.cost(of: Self.batch(2, [nil]))
        for (selection, chosen) in [(ExpertSelection.top(2), 2), (.all, 4), (.cumulative(threshold: 0.5, temperature: 0), 1)] {
            let cost = decoder.cost(of: Self.batch(2, [delta(selection)]))
            #expect(cost.bytes == base.bytes + chosen * expert.byteCount + 4 * 4 * 48)
            #expect(cost.f32Operations == base.f32Operations + 2 * 2 * (chosen * 3 * (48 + 80) + 4 * 48))
            #expect(cost.int8Operations == base.int8Operations)
        }
    }

    @Test("parts of a step that is cut read the weights again, and rows without logits need no head")
    func parts() throws {
        let (model, decoder) = try Self.decoder()
        defer { withExtendedLifetime(model) {} }
        let run = StepBatch.Run(tokens: 0..<10, startPosition: 0, blocks: [0], logits: .last)
        let prompt = decoder.cost(of: StepBatch(tokens: [Int32](repeating: 1, count: 10), runs: [run]), maximumRows: 4)
        let head = 96 * 48
        #expect(prompt.int8Operations == 2 * (10 * 2 * Self.layerWeights + head))
        #expect(prompt.phases.count == 3 * (2 * 5 + 1))
        // Each row sees itself and what is before it.
        #expect(prompt.f32Operations == 2 * (2 * 2 * (1...10).reduce(0, +) * 48))
        let silent = decoder.cost(of: Self.batch(2, [nil], logits: .none))
        #expect(silent.int8Operations == 2 * 2 * 2 * Self.layerWeights)
        #expect(silent.phases.last?.bytes == 0)
    }

    @Test("a phase takes as long as the slower of reading and computing")
    func seconds() {
        let cost = ModelCost(phases: [
            .init(.head, bytes: 100, int8Operations: 10, f32Operations: 0), .init(.down, bytes: 10, int8Operations: 100, f32Operations: 50),
        ])
        #expect(cost.seconds(bandwidth: 10, int8Rate: 10, f32Rate: 5) == 10 + 20)
        #expect(cost.bytes == 110 && cost.int8Operations == 110 && cost.f32Operations == 50)
    }
}
