import Testing

@testable import Routing

/// Closed forms against fits that are made again.
@Suite struct RidgeFitTests {
    /// Clusters around random directions, and a group of no adapter.
    static func set(_ sizes: [Int], dimension: Int, seed: UInt64 = 3) -> TrainingSet {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func next() -> Float {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(Int64(bitPattern: state) >> 32) / Float(Int32.max)
        }
        let groups = sizes.enumerated().map { group, size in
            let center = (0..<dimension).map { _ in next() }
            let rows = (0..<size).flatMap { _ in
                let row = center.map { $0 + next() }
                let length = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
                return row.map { $0 / length }
            }
            return TrainingSet.Group(name: "\(group)", adapter: group + 1 < sizes.count ? group : nil, features: FeatureRows(rows, dimension: dimension))
        }
        return TrainingSet(featureDimension: dimension, distanceRange: 2..<dimension, adapters: sizes.count - 1, groups: groups)
    }

    static func map(_ set: TrainingSet) -> FeatureMap {
        FeatureMap(set.sample(9).map(set.features), featureDimension: set.featureDimension, distanceRange: set.distanceRange)
    }

    static func scores(_ fit: RidgeFit, _ features: [Float]) -> [Float] {
        var mapped = [Float](repeating: 0, count: fit.map.dimension)
        features.withUnsafeBufferPointer { features in
            mapped.withUnsafeMutableBufferPointer { output in
                guard let features = features.baseAddress, let output = output.baseAddress else { return }
                fit.map.apply(features, into: output)
            }
        }
        return (0..<fit.weights.count / mapped.count).map { adapter in
            zip(mapped, fit.weights[(adapter * mapped.count)...]).reduce(0) { $0 + $1.0 * $1.1 }
        }
    }

    /// The set without some rows of a group.
    static func without(_ rows: [TrainingSet.Row], _ set: TrainingSet) -> TrainingSet {
        let groups = set.groups.enumerated().map { number, group in
            let kept = (0..<group.count).filter { !rows.contains(.init(group: number, row: $0)) }
            return TrainingSet.Group(
                name: group.name, adapter: group.adapter,
                features: FeatureRows(kept.flatMap { set.features(.init(group: number, row: $0)) }, dimension: set.featureDimension))
        }
        return TrainingSet(
            featureDimension: set.featureDimension, distanceRange: set.distanceRange, adapters: set.adapters, groups: groups)
    }

    static func nearlyEqual(_ one: [Float], _ other: [Float]) -> Bool {
        one.count == other.count && zip(one, other).allSatisfy { abs($0 - $1) < 2e-3 }
    }

    /// 18 rows of 25 dimensions are fitted by rows, 90 by dimensions.
    @Test(arguments: [[4, 6, 5, 3], [30, 25, 20, 15]]) func leavingOutIsFittingAgainWithout(sizes: [Int]) throws {
        let set = Self.set(sizes, dimension: 16)
        let map = Self.map(set)
        let fit = try #require(RidgeFit(set, map: map))
        for row in set.sample(7) {
            let again = try #require(RidgeFit(Self.without([row], set), map: map))
            let alone = fit.heldOut([row], together: false).alone
            #expect(Self.nearlyEqual(alone[0], Self.scores(again, set.features(row))), "\(row)")
        }
        for group in set.groups.indices {
            let rows = (0..<set.groups[group].count).map { TrainingSet.Row(group: group, row: $0) }
            let again = try #require(RidgeFit(Self.without(rows, set), map: map))
            for (row, scores) in zip(rows, fit.heldOut(rows, together: true).together) {
                #expect(Self.nearlyEqual(scores, Self.scores(again, set.features(row))), "\(row)")
            }
        }
    }

    /// 24 rows of 25 dimensions are fitted by rows, of 17 by dimensions.
    @Test(arguments: [(9, true), (1, false)]) func rulesTellTheirOwnExamplesFromAllOthers(landmarks: Int, isByRows: Bool) throws {
        let set = Self.set([8, 7, 5, 4], dimension: 16)
        let map = FeatureMap(
            set.sample(landmarks).map(set.features), featureDimension: set.featureDimension, distanceRange: set.distanceRange)
        let fit = try #require(RidgeFit(set, map: map))
        #expect((fit.sums == nil) == isByRows)
        for group in set.groups.indices {
            for row in 0..<set.groups[group].count {
                let scores = Self.scores(fit, set.features(.init(group: group, row: row)))
                if let adapter = set.groups[group].adapter {
                    #expect(scores.indices.max { scores[$0] < scores[$1] } == adapter)
                } else {
                    #expect(scores.allSatisfy { $0 < 0.5 }, "the text of no adapter has no adapter's score")
                }
            }
        }
    }

    /// A group changed, one gone, one new: as a fit from nothing.
    @Test func sumsFollowTheSet() throws {
        let before = Self.set([30, 25, 20, 15], dimension: 16)
        let other = Self.set([30, 28, 20, 15], dimension: 16, seed: 8)
        var groups = before.groups
        groups[1] = .init(name: "1", adapter: 1, features: other.groups[1].features)
        groups[2] = .init(name: "new", adapter: 2, features: other.groups[2].features)
        let after = TrainingSet(featureDimension: 16, distanceRange: 2..<16, adapters: 3, groups: groups)
        let sums = try #require(RidgeFit(before, map: Self.map(before))?.sums)
        #expect(sums.serves(after))
        let updated = try #require(RidgeFit(after, previous: sums))
        let fresh = try #require(RidgeFit(after, map: sums.map))
        #expect(Self.nearlyEqual(updated.weights, fresh.weights))
        #expect(!sums.serves(Self.set([3, 2, 2], dimension: 16)))
    }

    @Test func nothingIsFittedToNothing() {
        #expect(RidgeFit(Self.set([0], dimension: 4)) == nil)
        #expect(RidgeFit(Self.set([0, 0, 0], dimension: 4)) == nil)
    }
}
