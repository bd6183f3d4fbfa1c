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
        return ExampleVectors(
            texts: (0..<count).map { "\(seed).\($0)" }, vectors: rows, dimension: dimension, features: rows, featureDimension: dimension)
    }

    private func query(_ seed: Int) -> [Float] { vectors(1, seed: seed).withRow(0) { Array($0) } }

    private func index(_ sizes: [Int], neighbours: Int) -> RouteIndex {
        RouteIndex(
            entries: sizes.enumerated().map {
                .init(definition: RouteDefinition(adapter: "a\($0.offset)"), examples: vectors($0.element, seed: $0.offset + 1))
            }, negatives: vectors(20, seed: 99), neighbours: neighbours, distanceRange: 0..<12)
    }

    private func judge(_ index: RouteIndex, _ query: [Float], where isAllowed: (Int) -> Bool = { _ in true }) -> RouteIndex.Judgement {
        query.withUnsafeBufferPointer { index.judge(features: $0, vector: $0, top: 5, where: isAllowed) }
    }

    @Test(arguments: [1, 3, 10]) func theNearestExamplesOfTheBestAreListedNearestFirst(neighbours: Int) {
        let index = index([1, 7, 30, 2, 16], neighbours: neighbours)
        for seed in 100..<110 {
            let query = query(seed)
            for candidate in judge(index, query).candidates {
                let examples = index.entries[candidate.entry].examples
                let all = examples.texts.indices.map { row in
                    examples.withRow(row) { zip($0, query).reduce(Float(0)) { $0 + $1.0 * $1.1 } }
                }.sorted(by: >).prefix(neighbours)
                #expect(candidate.nearest.count == all.count)
                #expect(zip(candidate.nearest, all).allSatisfy { abs($0.similarity - $1) < 1e-5 })
            }
        }
    }

    @Test func probabilitiesOfAllAdaptersAndOfNoneSumToOne() {
        let index = index([4, 7, 30, 2, 16], neighbours: 3)
        for seed in 100..<120 {
            let judgement = judge(index, query(seed))
            #expect(abs(judgement.candidates.reduce(judgement.none) { $0 + $1.probability } - 1) < 1e-9)
            #expect(zip(judgement.candidates, judgement.candidates.dropFirst()).allSatisfy { $0.score >= $1.score })
            let some = judge(index, query(seed)) { $0 != judgement.candidates[0].entry }
            #expect(some.candidates.map(\.entry) == judgement.candidates.dropFirst().map(\.entry))
        }
    }

    @Test func anExampleBelongsToItsAdapter() {
        let index = index([20, 30, 20], neighbours: 5)
        for (entry, own) in index.entries.enumerated() {
            let right = own.examples.texts.indices.count { row in
                judge(index, own.examples.withRow(row) { Array($0) }).candidates.first?.entry == entry
            }
            #expect(Double(right) > 0.9 * Double(own.examples.texts.count))
        }
    }

    @Test func withoutAdaptersNoneIsCertain() {
        let judgement = judge(index([], neighbours: 3), query(1))
        #expect(judgement.candidates.isEmpty && judgement.none == 1)
    }
}
