import Foundation
import Generation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// Several LoRAs as one, against what peft makes of them (`scripts/fixtures/merges.py`), and over a real store.
@Suite struct MergeTests {
    /// What peft stored.
    struct Oracle {
        struct Adapter {
            var scale: Double
            /// `[rank, inputs]`, `[outputs, rank]`
            var a: [Float]
            var b: [Float]
        }

        let inputs: Int
        let outputs: Int
        let rank: Int
        let adapters: [Adapter]
        let merges: [JSONCursor]

        init() throws {
            let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures/merges.json")
            let document = JSONCursor(try JSONValue.parse(Array(Data(contentsOf: path))))
            (inputs, outputs) = (try document["inputs"].int(), try document["outputs"].int())
            rank = try document["rank"].int()
            adapters = try document["adapters"].array().map {
                Adapter(scale: try $0["scale"].double(), a: try floats($0["a"]), b: try floats($0["b"]))
            }
            merges = try document["merges"].array()
        }
    }

    /// `[outputs, inputs]` of `[outputs, rank]` times `[rank, inputs]`.
    static func product(_ b: [Float], _ a: [Float], rank: Int, inputs: Int) -> [Float] {
        (0..<b.count / rank).flatMap { row in
            (0..<inputs).map { column in
                (0..<rank).reduce(Float(0)) { $0 + b[row * rank + $1] * a[$1 * inputs + column] }
            }
        }
    }

    static func nearlyEqual(_ one: [Float], _ other: [Float], within tolerance: Float = 1e-5) -> Bool {
        one.count == other.count && zip(one, other).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
    }

    @Test func factorsAreMergedAsPeftMergesThem() throws {
        let oracle = try Oracle()
        var compared = 0
        for merge in oracle.merges where try merge["strategy"].string() != "linear" {
            let strategy = try #require(AdapterMerge.Strategy(rawValue: try merge["strategy"].string()))
            let sign = try #require(AdapterMerge.MajoritySign(rawValue: try merge["majority_sign"].string()))
            let weights = try floats(merge["weights"])
            let factor = FactorMerge(strategy: strategy, density: try merge["density"].double(), majoritySign: sign, seed: 0)
            let products = zip(oracle.adapters, weights).map { Float($0.scale) * $1 }
            let a = factor.merge(
                zip(oracle.adapters, products).map { ($0.a, ($1 < 0 ? -1 : 1) * abs($1).squareRoot()) })
            let b = factor.merge(zip(oracle.adapters, products).map { ($0.b, abs($1).squareRoot()) })
            #expect(Self.nearlyEqual(a, try floats(merge["a"])), "\(merge.path): A")
            #expect(Self.nearlyEqual(b, try floats(merge["b"])), "\(merge.path): B")
            compared += 1
        }
        #expect(compared == 12)
    }

    @Test(arguments: [1, 2, 5, 17, 256]) func theElementAtAPlaceIsThatOfTheSortedValues(count: Int) {
        var random = SeededRandom(seed: UInt64(count))
        let values = (0..<count).map { _ in Float(Int.random(in: -9...9, using: &random)) }
        let sorted = values.sorted(by: >)
        for place in 0..<count {
            var moved = values
            #expect(Selection.descending(&moved, at: place) == sorted[place])
        }
    }

    @Test func aRandomChoiceIsTheSameAgainAndKeepsItsShare() {
        let values = [Float](repeating: 1, count: 20_000)
        func merged(_ seed: UInt64) -> [Float] {
            FactorMerge(strategy: .dareLinear, density: 0.25, majoritySign: .total, seed: seed).merge([(values, 1), (values, 0.5)])
        }
        let once = merged(7)
        #expect(once == merged(7) && once != merged(8))
        // Expected is what it was: 1.5 on average. Four standard deviations of a mean of 20,000.
        #expect(abs(once.reduce(0, +) / 20_000 - 1.5) < 0.06)
        #expect(Set(once) == [0, 4, 2, 6], "each adapter chooses for itself")
    }

    // MARK: Over a store

    private static func store(_ adapters: [String: TinyAdapter], _ folder: TemporaryFolder) throws -> AdapterStore {
        for (name, adapter) in adapters { try adapter.write(to: "\(folder.path)/\(name)") }
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        return store
    }

    private static func change(_ delta: AdapterDelta, _ layer: Int, _ projection: Projection) throws -> [Float] {
        guard let lowRank = delta[layer, projection]?.lowRank else { return [] }
        let (a, transposed) = lowRank.factors
        var b = [Float](repeating: 0, count: transposed.count)
        for row in 0..<lowRank.rank {
            for output in 0..<lowRank.outputs { b[output * lowRank.rank + row] = transposed[row * lowRank.outputs + output] }
        }
        return product(b, a, rank: lowRank.rank, inputs: lowRank.inputs).map { $0 * lowRank.scale }
    }

    @Test func aLinearMergeIsTheWeightedSumWhateverTheRanks() throws {
        let folder = try TemporaryFolder()
        let store = try Self.store(
            [
                "one": TinyAdapter(rank: 2, seed: 1), "two": TinyAdapter(rank: 5, alpha: 3, targets: [.value, .down], seed: 2),
            ], folder)
        let (one, two) = (try store.acquire("one"), try store.acquire("two"))
        let merge = AdapterMerge([.init("one", weight: 0.5), .init("two", weight: -2)])
        let merged = try store.acquire(merge)
        for layer in 0..<2 {
            #expect(Self.nearlyEqual(
                try Self.change(merged.delta, layer, .query), try Self.change(one.delta, layer, .query).map { $0 * 0.5 }))
            #expect(Self.nearlyEqual(
                try Self.change(merged.delta, layer, .down), try Self.change(two.delta, layer, .down).map { $0 * -2 }))
            let sum = zip(try Self.change(one.delta, layer, .value), try Self.change(two.delta, layer, .value)).map { $0 * 0.5 - 2 * $1 }
            #expect(Self.nearlyEqual(try Self.change(merged.delta, layer, .value), sum))
            #expect(merged.delta[layer, .value]?.lowRank?.rank == 7)
        }
        #expect(merged.name == "one+two" && merged.version != one.version && merged.version != two.version)
        #expect(try store.acquire(merge).delta === merged.delta, "made once")
        var other = merge
        other.parts[0].weight = 0.6
        let another = try store.acquire(other)
        #expect(another.version != merged.version && another.delta !== merged.delta)
    }

    @Test func aMergeFollowsItsParts() throws {
        let folder = try TemporaryFolder()
        let store = try Self.store(["one": TinyAdapter(seed: 1), "two": TinyAdapter(seed: 2)], folder)
        let merge = AdapterMerge([.init("one"), .init("two")], strategy: .ties, density: 0.5)
        let before = try store.acquire(merge)
        try TinyAdapter(seed: 3).write(to: "\(folder.path)/two")
        _ = store.rescan()
        #expect(try store.acquire(merge).version != before.version)
    }

    @Test func mergesAreInsideTheBudgetAndLeaveLikeAllElse() throws {
        let folder = try TemporaryFolder()
        for (name, seed) in [("one", 1), ("two", 2)] { try TinyAdapter(seed: UInt64(seed)).write(to: "\(folder.path)/\(name)") }
        let parameters = AdapterStoreTests.tinyBytes / 4
        // What making one takes: both parts in f32 once more, and the result.
        let making = 2 * (4 * parameters + AdapterStoreTests.tinyBytes)
        let store = AdapterStoreTests.store(folder, budgetBytes: making + AdapterStoreTests.tinyBytes)
        _ = store.rescan()
        func merge(_ weight: Double) -> AdapterMerge { AdapterMerge([.init("one"), .init("two", weight: weight)]) }
        for weight in [0.1, 0.2, 0.3, 0.4] {
            _ = try store.acquire(merge(weight))
            PinnedAdapter.finishReleases()
            #expect(store.counters.residentBytes <= store.budgetBytes, "no request holds anything")
        }
        #expect(store.counters.evictions > 0)
        let small = AdapterStoreTests.store(folder, budgetBytes: making - 1)
        _ = small.rescan()
        #expect(#expect(throws: AdapterError.self) { try small.acquire(merge(0.1)) }?.code == .limitExceeded)
    }

    @Test func aBoundedNumberOfMergesIsKept() throws {
        let folder = try TemporaryFolder()
        let store = try Self.store(["one": TinyAdapter(seed: 1), "two": TinyAdapter(seed: 2)], folder)
        for number in 0..<40 {
            _ = try store.acquire(AdapterMerge([.init("one"), .init("two", weight: Double(number + 1))]))
            PinnedAdapter.finishReleases()
        }
        #expect(store.counters.residentAdapters == 2 + StoreState<LoadedAdapter>.mostMerges)
    }

    /// As long as a merge is being made, no other request waits for it.
    @Test func aMergeInTheMakingHoldsNobodyUp() throws {
        let folder = try TemporaryFolder()
        let store = try Self.store(["one": TinyAdapter(seed: 1), "two": TinyAdapter(seed: 2)], folder)
        let known = AdapterMerge([.init("one"), .init("two")])
        let version = try store.acquire(known).version
        #expect(store.merging.enter(most: 1))
        #expect(try store.acquire(known).version == version, "a kept one is found")
        #expect(try store.acquire("one").name == "one")
        #expect(store.rescan().isEmpty)
        #expect(!store.merging.enter(most: 1), "those who wait are counted")
        store.merging.leave()
        #expect(store.merging.enter(most: 1))
        store.merging.leave()
    }

    @Test func equalRequestsShareOneMerge() throws {
        let folder = try TemporaryFolder()
        let store = try Self.store(["one": TinyAdapter(seed: 1), "two": TinyAdapter(seed: 2)], folder)
        let shared = AdapterStoreTests.Shared()
        AdapterStoreTests.onThreads(
            (0..<8).map { _ in
                {
                    guard let merged = try? store.acquire(AdapterMerge([.init("one"), .init("two", weight: 0.5)])) else { return }
                    shared.versions.withLock { _ = $0.insert("\(ObjectIdentifier(merged.delta))") }
                    shared.served.add(1, ordering: .relaxed)
                }
            })
        #expect(shared.served.load(ordering: .relaxed) == 8 && shared.versions.withLock { $0.count } == 1)
    }

    @Test func whatCannotBeMergedIsRefusedByName() throws {
        let folder = try TemporaryFolder()
        let store = try Self.store(["one": TinyAdapter(rank: 2, seed: 1), "two": TinyAdapter(rank: 3, seed: 2)], folder)
        let ranks = #expect(throws: AdapterError.self) {
            try store.acquire(AdapterMerge([.init("one"), .init("two")], strategy: .ties, density: 0.5))
        }
        #expect(ranks?.code == .unsupported && "\(ranks.map { $0.description } ?? "")".contains("one has rank 2 and two rank 3"))
        let missing = #expect(throws: AdapterError.self) { try store.acquire(AdapterMerge([.init("one"), .init("none")])) }
        #expect(missing?.code == .notFound && missing?.adapter == "none")
        let nothing = #expect(throws: AdapterError.self) {
            try store.acquire(AdapterMerge([.init("one", weight: 0), .init("two", weight: 0)]))
        }
        #expect(nothing?.code == .noEffect)
    }

    @Test func aStrengthScalesTheChangeAndSharesTheMatrices() throws {
        let folder = try TemporaryFolder()
        let store = try Self.store(["one": TinyAdapter(seed: 1)], folder)
        let whole = try store.acquire("one")
        let half = try whole.scaled(by: 0.5)
        #expect(Self.nearlyEqual(
            try Self.change(half.delta, 1, .value), try Self.change(whole.delta, 1, .value).map { $0 * 0.5 }))
        #expect(half.version != whole.version && half.name == "one")
        #expect(try whole.scaled(by: 1) === whole)
        #expect(try whole.scaled(by: 0.5).version == half.version)
    }

    @Test func strengthsThatTheKernelsCannotTellApartShareAVersion() throws {
        let folder = try TemporaryFolder()
        let store = try Self.store(["one": TinyAdapter(seed: 1)], folder)
        let whole = try store.acquire("one")
        let versions = try (0..<1_000).map { try whole.scaled(by: 0.3 + Double($0) * 1e-12).version }
        #expect(Set(versions).count == 1)
        #expect(try whole.scaled(by: 1 + 1e-12) === whole)
        for factor in [Double.nan, .infinity, 1e300, 3e38] {
            #expect(#expect(throws: AdapterError.self) { try whole.scaled(by: factor) }?.code == .nonFinite)
        }
    }
}

private func floats(_ cursor: JSONCursor) throws -> [Float] { try cursor.array().map { Float(try $0.double()) } }
