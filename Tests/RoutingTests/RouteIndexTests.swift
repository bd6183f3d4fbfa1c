import Testing

@testable import Routing

/// The index over vectors of its own, without an encoder.
@Suite struct RouteIndexTests {
    private func vectors(_ count: Int, seed: Int, dimension: Int = 12) -> ExampleVectors {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
        let rows = (0..<count).flatMap { _ in
            let row = (0..<dimension).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Float(Int64(bitPattern: state) >> 32) / Float(Int32.max)
            }
            let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
            return row.map { $0 / length }
        }
        return ExampleVectors(texts: (0..<count).map { "\(seed).\($0)" }, vectors: rows, dimension: dimension)
    }

    private func index(_ sizes: [Int], neighbours: Int) -> RouteIndex {
        RouteIndex(
            entries: sizes.enumerated().map {
                .init(definition: RouteDefinition(adapter: "a\($0.offset)"), examples: vectors($0.element, seed: $0.offset + 1))
            }, neighbours: neighbours)
    }

    private func scores(_ index: RouteIndex, _ query: [Float], leaving: (entry: Int, example: Int)? = nil) -> [(entry: Int, score: Float)] {
        index.entries.indices.compactMap { entry -> (entry: Int, score: Float)? in
            let examples = index.entries[entry].examples
            let all = examples.texts.indices.filter { entry != leaving?.entry || $0 != leaving?.example }.map { row in
                examples.withRow(row) { zip($0, query).reduce(Float(0)) { $0 + $1.0 * $1.1 } }
            }
            let nearest = all.sorted(by: >).prefix(index.neighbours)
            return nearest.isEmpty ? nil : (entry, nearest.reduce(0, +) / Float(nearest.count))
        }.sorted { ($0.score, $1.entry) > ($1.score, $0.entry) }
    }

    @Test(arguments: [1, 3, 10]) func adaptersAreRankedByTheirNearestExamples(neighbours: Int) {
        let index = index([1, 7, 30, 2, 16], neighbours: neighbours)
        for seed in 100..<110 {
            let query = vectors(1, seed: seed).vectors
            let hits = query.withUnsafeBufferPointer { index.search($0) }
            let expected = scores(index, query)
            #expect(hits.map(\.entry) == expected.map(\.entry))
            for (hit, expected) in zip(hits, expected) {
                #expect(abs(hit.score - expected.score) < 1e-5)
                #expect(hit.nearest.count == min(neighbours, index.entries[hit.entry].examples.texts.count))
                #expect(zip(hit.nearest, hit.nearest.dropFirst()).allSatisfy { $0.similarity >= $1.similarity })
            }
        }
    }

    /// Each example left out of its adapter, the same with its adapter taken away, and the general prompts.
    @Test func calibrationTakesEachExampleAsAQuestion() {
        let index = index([1, 4, 9], neighbours: 3)
        let background = vectors(5, seed: 50)
        var expected: [Calibration.Sample] = []
        func add(_ ranked: [(entry: Int, score: Float)], answer: Int?) {
            guard let best = ranked.first else { return }
            let margin = ranked.count > 1 ? best.score - ranked[1].score : 0
            expected.append(.init(score: best.score, margin: margin, isRight: best.entry == answer))
        }
        for (entry, own) in index.entries.enumerated() {
            for row in own.examples.texts.indices {
                let ranked = scores(index, own.examples.withRow(row) { Array($0) }, leaving: (entry, row))
                add(ranked, answer: entry)
                if ranked.contains(where: { $0.entry == entry }) { add(ranked.filter { $0.entry != entry }, answer: nil) }
            }
        }
        for row in 0..<5 { add(scores(index, background.withRow(row) { Array($0) }), answer: nil) }
        let samples = index.calibrationSamples(background: background)
        #expect(samples.count == expected.count)
        for (sample, expected) in zip(samples, expected) {
            #expect(abs(sample.score - expected.score) < 1e-5 && abs(sample.margin - expected.margin) < 1e-5)
            #expect(sample.isRight == expected.isRight)
        }
    }

    @Test func anIndexOfOneAdapterHasNoMargins() {
        let samples = index([6], neighbours: 2).calibrationSamples(background: vectors(3, seed: 9))
        #expect(samples.count == 9)
        #expect(samples.allSatisfy { $0.margin == 0 })
    }
}
