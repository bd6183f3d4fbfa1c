import Testing

@testable import Routing

@Suite struct DiscriminantTests {
    /// Landmarks lie in twice 8 bits, the rules of all but the best in 8; what is compared is f32.
    @Test func theBestIsThatOfFullPrecision() throws {
        let set = RidgeFitTests.set([Int](repeating: 6, count: 301), dimension: 256)
        let map = FeatureMap(set.sample(96).map(set.features), featureDimension: 256, distanceRange: set.distanceRange)
        let fit = try #require(RidgeFit(set, map: map))
        let discriminant = try #require(Discriminant(map: fit.map, adapters: set.adapters, weights: fit.weights))
        var (kept, first) = (0, 0)
        let queries = set.sample(200) { $0.adapter != nil }
        for (query, row) in queries.enumerated() {
            // Between two adapters, so that there is something to confuse.
            let (own, other) = (set.features(row), set.features(queries[(query + 7) % queries.count]))
            let features = zip(own, other).map { 0.6 * $0 + 0.4 * $1 }
            let exact = RidgeFitTests.scores(fit, features)
            let scores = features.withUnsafeBufferPointer { discriminant.scores($0.baseAddress!) }
            func best(_ scores: [Float]) -> [Int] { Array(scores.indices.sorted { scores[$0] > scores[$1] }.prefix(10)) }
            kept += Set(best(scores)).intersection(best(exact)).count
            first += best(scores)[0] == best(exact)[0] ? 1 : 0
        }
        let (recall, agreement) = (Double(kept) / Double(10 * queries.count), Double(first) / Double(queries.count))
        print("of the ten best by f32 rules, \(recall) are among the ten best by 8 bits; the best agrees in \(agreement)")
        #expect(recall >= 0.99)
        #expect(agreement >= 0.99)
    }
}
