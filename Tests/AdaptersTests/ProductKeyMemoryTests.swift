import Foundation
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// Memory experts that product keys select.
@Suite struct ProductKeyMemoryTests {
    /// A grid of four keys a side on vectors of three elements, two slices at each of two layers.
    static func sound() -> TinyAdapter {
        var adapter = MemoryExpertsTests.sound()
        for name in ["facts.keys", "facts.slots", "facts.p"] { adapter.tensors[name] = nil }
        adapter.configuration["theta"] = nil
        adapter.configuration["select"] = "product_keys"
        adapter.configuration["n"] = 16
        adapter.configuration["k"] = 4
        adapter.set("selector.wq", [2, 3], [1, 0, 0, 0, 1, 0])
        adapter.set("selector.subkeys", [2, 4, 1], [0, 1, 2, 3, 0, 1, 2, 3])
        MemoryExpertsTests.set(&adapter, "site.1.ids", [2], [3, 15])
        return adapter
    }

    static func load(_ adapter: TinyAdapter) throws -> ProductKeyMemory {
        try #require(try MemoryExpertsTests.load(adapter).retrieval as? ProductKeyMemory)
    }

    /// What all addresses score, in f64.
    static func all(_ query: [Double], _ keys: [[[Double]]]) -> [(slot: Int, score: Double)] {
        let half = query.count / 2
        func dot(_ key: [Double], _ first: Int) -> Double { (0..<half).reduce(0) { $0 + key[$1] * query[first + $1] } }
        return keys[0].indices.flatMap { i in
            keys[1].indices.map { j in (i * keys[1].count + j, dot(keys[0][i], 0) + dot(keys[1][j], half)) }
        }.sorted { $0.score > $1.score }
    }

    @Test(arguments: [1, 5, 32])
    func theBestSumsAreThoseOfAllSums(_ count: Int) throws {
        var random = SeededRandom(seed: UInt64(count))
        var file = TinyAdapter()
        let (side, width, dimension) = (40, 16, 24)
        file.setRandom("query", [width, dimension], &random)
        file.setRandom("keys", [2, side, width / 2], &random)
        let (query, keys) = (file.values("query"), file.values("keys"))
        let selector = ProductKeys(query: try #require(file.tensors["query"]), keys: try #require(file.tensors["keys"]))
        for _ in 0..<20 {
            let vector = (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }
            let projected = (0..<width).map { row in
                (0..<dimension).reduce(0.0) { $0 + Double(query[row * dimension + $1]) * Double(vector[$1]) }
            }
            let table = (0..<2).map { half in
                (0..<side).map { key in (0..<width / 2).map { Double(keys[(half * side + key) * width / 2 + $0]) } }
            }
            let expected = Self.all(projected, table).prefix(count)
            let (slots, shares) = selector.select(vector, count)
            #expect(slots.map { Int($0) } == expected.map(\.slot))
            #expect(abs(shares.reduce(0, +) - Float(count)) < 1e-4 * Float(count))
            let ratios = zip(shares.dropFirst(), shares).map { log(Double($0 / $1)) }
            let steps = zip(expected.dropFirst(), expected).map { $0.score - $1.score }
            #expect(zip(ratios, steps).allSatisfy { abs($0 - $1) < 1e-4 }, "the softmax of the scores")
        }
    }

    @Test func whatIsSelectedActsAtEverySite() throws {
        let memory = try Self.load(Self.sound())
        #expect(memory.dimension == 3)
        // Addresses 15 and 11 or 14, which score 6 and 5: the first is written at the upper layer.
        let found = try #require(try memory.select([1, 1, 0]))
        #expect(found.recall.fact == nil && found.recall.score == 0.5 && found.recall.threshold == 0.5)
        #expect(found.delta.branch(0) == nil, "7 is not among them")
        let upper = try #require(found.delta.branch(1)).lowRank
        let share = 2 * 2 / (1 + exp(-1.0))
        #expect(upper.rank == 1)
        #expect(zip(upper.factors.a, 8..<16).allSatisfy { abs(Double($0) - share * Double($1 + 1)) < 1e-4 })
        // Addresses 0 and 1 or 4: nothing was written there, so that the base answers.
        #expect(try memory.select([-1, -1, 0]) == nil)
        #expect(try memory.select([1, 1]) == nil)
    }

    @Test(arguments: [
        MemoryExpertsTests.Wrong("a threshold", .unsupported, "theta") { $0.configuration["theta"] = 0.5 },
        MemoryExpertsTests.Wrong("addresses that are no square", .malformed, "n") { $0.configuration["n"] = 17 },
        MemoryExpertsTests.Wrong("other keys than addresses", .wrongShape, "selector.subkeys") { $0.configuration["n"] = 25 },
        MemoryExpertsTests.Wrong("an odd width", .wrongShape, "selector.wq") {
            $0.set("selector.wq", [3, 3], [Float](repeating: 1, count: 9))
        },
        MemoryExpertsTests.Wrong("no query", .missingTensor, "selector.wq") { $0.tensors["selector.wq"] = nil },
        MemoryExpertsTests.Wrong("keys of facts", .unreadTensor, "facts.keys") { $0.set("facts.keys", [1, 3], [1, 0, 0]) },
        MemoryExpertsTests.Wrong("a key that is infinite", .nonFinite, "selector.subkeys") {
            $0.fill("selector.subkeys", with: .infinity)
        },
        MemoryExpertsTests.Wrong("an address beyond n", .malformed, "site.1.ids") {
            MemoryExpertsTests.set(&$0, "site.1.ids", [2], [3, 16])
        },
        MemoryExpertsTests.Wrong("slices of zeros", .noEffect, "site.0.b") {
            $0.fill("site.0.b", with: 0)
            $0.fill("site.1.b", with: 0)
        },
    ])
    func whatIsWrongIsNamed(_ wrong: MemoryExpertsTests.Wrong) throws {
        var adapter = Self.sound()
        wrong.change(&adapter)
        let error = #expect(throws: AdapterError.self) { try Self.load(adapter) }
        #expect(error?.code == wrong.code && (error?.tensor ?? error?.key) == wrong.place, "\(error.map { "\($0)" } ?? "served")")
    }
}
