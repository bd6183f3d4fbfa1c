import Testing

@testable import Models

@Suite("the rows of a step") struct RowPlanTests {
    @Test("rows under one adapter are one band, of however many sequences, and no others are") func bands() throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let configuration = try ModelFiles.open(model.path).configuration
        var random = TinyModel.Random(seed: 1)
        let (first, second) = (try Deltas.lowRank(4, configuration, &random, element: .int8), try Deltas.branches(configuration, &random))
        let deltas = [nil, nil, first, first, first, second, first, nil]
        let plan = try RowPlan(capacity: 64, configuration: configuration)
        var batch = StepBatch()
        for (index, delta) in deltas.enumerated() {
            let start = batch.tokens.count
            batch.tokens += [Int32](repeating: 1, count: 1 + index % 3)
            batch.runs.append(.init(tokens: start..<batch.tokens.count, startPosition: 0, blocks: [Int32(index)], delta: delta))
        }
        for run in batch.runs { #expect(plan.append(run, from: 0, of: batch) == run.tokens.count) }
        let bands = (0..<plan.bandCount).map { plan.bands[$0] }
        #expect(plan.segmentCount == deltas.count)
        #expect(bands.map(\.rowRange) == [0..<3, 3..<9, 9..<12, 12..<13, 13..<15])
        for (band, delta) in zip(bands, [nil, first, second, first, nil]) { #expect(band.patches == delta?.linear.entries) }
        #expect(bands.map { $0.branches != nil } == [false, false, true, false, false])
        withExtendedLifetime((model, first, second)) {}
    }
}
