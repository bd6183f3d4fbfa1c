import Foundation
import Generation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// Memory experts on the tiny base: what is found, what is refused.
@Suite struct MemoryExpertsTests {
    /// Two facts of two slices, one at each of the two layers; vectors of length 3.
    static func sound() -> TinyAdapter {
        var adapter = TinyAdapter()
        adapter.tensors = [:]
        adapter.configuration = [
            "peft_type": "MEMORY_EXPERTS", "task_type": "CAUSAL_LM", "n": 100, "k": 2, "sites": [0, 1], "theta": 0.9, "scale": 2.0,
        ]
        adapter.set("facts.keys", [2, 3], [2, 0, 0, 0, 0.5, 0])
        set(&adapter, "facts.slots", [2, 2], [7, 90, 7, 3])
        adapter.set("facts.p", [2, 2], [1, 0.5, 0.25, 1])
        for (site, ids) in [(0, [Int32(7)]), (1, [3, 90])] {
            set(&adapter, "site.\(site).ids", [ids.count], ids)
            adapter.set("site.\(site).a", [ids.count, 8], (0..<8 * ids.count).map { Float($0 + 1) })
            adapter.set("site.\(site).b", [ids.count, 8], (0..<8 * ids.count).map { Float($0) - 3 })
        }
        return adapter
    }

    static func set(_ adapter: inout TinyAdapter, _ name: String, _ shape: [Int], _ values: [Int32]) {
        adapter.tensors[name] = values.withUnsafeBytes { TensorView(name: name, dtype: .i32, shape: shape, copying: $0) }
    }

    static func load(_ adapter: TinyAdapter) throws -> PinnedAdapter {
        let folder = try TemporaryFolder()
        try adapter.write(to: "\(folder.path)/memory")
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        return try store.acquire("memory")
    }

    @Test func theNearestFactsSlicesBecomeOneLowRankMapALayer() throws {
        let adapter = try Self.load(Self.sound())
        let retrieval = try #require(adapter.retrieval as? MemoryTable)
        #expect(adapter.summary.family == "memory_experts" && retrieval.dimension == 3)
        let first = try #require(try retrieval.nearest([0.99, 0.1, 0]))
        #expect(first.recall.fact == 0 && abs(first.recall.score - 0.99) < 1e-6 && abs((first.recall.margin ?? 0) - 0.89) < 1e-6)
        let (lower, upper) = (try #require(first.delta.branch(0)).lowRank, try #require(first.delta.branch(1)).lowRank)
        #expect((lower.rank, upper.rank) == (1, 1))
        // Share times scale, on the side that listens.
        #expect(lower.factors.a == (0..<8).map { 2 * Float($0 + 1) })
        #expect(lower.factors.transposedB == (0..<8).map { Float($0) - 3 })
        #expect(upper.factors.a == (8..<16).map { Float($0 + 1) }, "address 90 is the second row")
        let second = try #require(try retrieval.nearest([0, 1, 0]))
        #expect(second.recall.fact == 1 && second.delta.branch(0)?.lowRank.factors.a == (0..<8).map { 0.5 * Float($0 + 1) })
        #expect(try retrieval.nearest([0, 0, 1]) == nil && retrieval.nearest([0.6, 0.8, 0]) == nil, "below the threshold")
        #expect(try retrieval.nearest([1, 0]) == nil)
    }

    @Test func aSliceThatIsNotWrittenAddsNothing() throws {
        var adapter = Self.sound()
        Self.set(&adapter, "facts.slots", [2, 2], [8, 90, 7, 3])
        let found = try #require(try (Self.load(adapter).retrieval as? MemoryTable)?.nearest([1, 0, 0]))
        #expect(found.delta.branch(0) == nil && found.delta.branch(1) != nil)
    }

    @Test func offsetsAreAddedToWhatASliceCompares() throws {
        var adapter = Self.sound()
        adapter.set("site.1.c", [2], [3, 5])
        let found = try #require(try (Self.load(adapter).retrieval as? MemoryTable)?.nearest([1, 0, 0]))
        #expect(found.delta.branch(0)?.offsets == nil)
        let offsets = try #require(found.delta.branch(1)?.offsets)
        // Address 90 is the second row; its share is 0.5, the scale 2.
        #expect(offsets.count == 1 && offsets.pointer[0] == 5)
    }

    @Test func itIsNeitherMergedNorScaled() throws {
        let folder = try TemporaryFolder()
        try Self.sound().write(to: "\(folder.path)/memory")
        try TinyAdapter().write(to: "\(folder.path)/lora")
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        let merge = #expect(throws: AdapterError.self) { try store.acquire(AdapterMerge([.init("lora"), .init("memory")])) }
        #expect(merge?.code == .unsupported && merge?.adapter == "memory")
        let scale = #expect(throws: AdapterError.self) { try store.acquire("memory").scaled(by: 2) }
        #expect(scale?.code == .unsupported)
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var code: AdapterError.Code
        /// A tensor or a key.
        var place: String
        var change: @Sendable (inout TinyAdapter) -> Void

        init(_ name: String, _ code: AdapterError.Code, _ place: String, _ change: @escaping @Sendable (inout TinyAdapter) -> Void) {
            testDescription = name
            (self.code, self.place, self.change) = (code, place, change)
        }
    }

    @Test(arguments: [
        Wrong("a table that is missing", .missingTensor, "site.1.b") { $0.tensors["site.1.b"] = nil },
        Wrong("a table of a layer that is no site", .unreadTensor, "site.1.a") { $0.configuration["sites"] = [0]; $0.configuration["k"] = 2 },
        Wrong("another width", .wrongShape, "site.0.a") { $0.set("site.0.a", [1, 7], [Float](repeating: 1, count: 7)) },
        Wrong("other slots than k", .wrongShape, "facts.slots") { MemoryExpertsTests.set(&$0, "facts.slots", [2, 1], [1, 2]) },
        Wrong("addresses that are no integers", .wrongShape, "site.0.ids") { $0.set("site.0.ids", [1], [7]) },
        Wrong("addresses out of order", .malformed, "site.1.ids") { MemoryExpertsTests.set(&$0, "site.1.ids", [2], [90, 3]) },
        Wrong("an address beyond n", .malformed, "facts.slots") { MemoryExpertsTests.set(&$0, "facts.slots", [2, 2], [7, 100, 7, 3]) },
        Wrong("NaN", .nonFinite, "site.0.b") { $0.fill("site.0.b", with: .nan) },
        Wrong("a key of length 0", .noEffect, "facts.keys") { $0.fill("facts.keys", with: 0) },
        Wrong("slices of zeros", .noEffect, "facts.slots") { $0.fill("site.0.b", with: 0); $0.fill("site.1.b", with: 0) },
        Wrong("a layer that the base has not", .malformed, "sites[1]") { $0.configuration["sites"] = [0, 2] },
        Wrong("slices that the sites cannot share", .malformed, "k") { $0.configuration["k"] = 3 },
        Wrong("no threshold", .malformed, "theta") { $0.configuration["theta"] = nil },
        Wrong("another selection", .unsupported, "select") { $0.configuration["select"] = "nearest" },
        Wrong("offsets of another count", .wrongShape, "site.1.c") { $0.set("site.1.c", [3], [1, 2, 3]) },
        Wrong("another query", .unsupported, "query") { $0.configuration["query"] = "hidden" },
        Wrong("the shared form", .unsupported, "expert_form") { $0.configuration["expert_form"] = "value" },
        Wrong("an unknown key", .unsupported, "\"gate\"") { $0.configuration["gate"] = 1 },
    ])
    func whatIsWrongIsNamed(_ wrong: Wrong) throws {
        var adapter = Self.sound()
        wrong.change(&adapter)
        let error = #expect(throws: AdapterError.self) { try Self.load(adapter) }
        #expect(error?.code == wrong.code && (error?.tensor ?? error?.key) == wrong.place, "\(error.map { "\($0)" } ?? "served")")
    }
}
