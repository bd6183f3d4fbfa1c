import Foundation
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// The size of an adapter's change, and which adapters change the same.
@Suite struct InspectionTests {
    /// `scale * B A` of one module, `[outputs, inputs]`, made without any shortcut.
    private static func matrix(_ delta: AdapterDelta, _ layer: Int, _ projection: Projection) throws -> [Double] {
        let pair = try #require(delta[layer, projection]?.lowRank)
        let (a, b) = pair.factors
        return (0..<pair.outputs).flatMap { output in
            (0..<pair.inputs).map { input in
                (0..<pair.rank).reduce(0.0) { sum, rank in
                    sum + Double(pair.scale) * Double(b[rank * pair.outputs + output]) * Double(a[rank * pair.inputs + input])
                }
            }
        }
    }

    private static func inspect(_ folder: String) -> AdapterInspection {
        AdapterInspection.inspect(folder: folder, base: TinyBase.llama)
    }

    @Test func normsAreThoseOfTheBase() throws {
        let files = try ModelFiles.open("\(LogitsTests.root)/Tests/ModelsTests/Fixtures/tiny/llama")
        let weights = BaseWeights(files)
        let inspection = AdapterInspection.inspect(
            folder: "\(LogitsTests.fixtures)/tiny/plain", base: files.configuration, weights: weights)
        let delta = try #require(inspection.delta)
        #expect(inspection.effects.count == 4)
        for effect in inspection.effects {
            let (layer, projection) = (try #require(effect.layer), try #require(effect.projection))
            let change = try Self.matrix(delta, layer, projection).reduce(0) { $0 + $1 * $1 }.squareRoot()
            let (outputs, inputs) = projection.shape(in: files.configuration)
            let base = FloatBuffer(count: outputs * inputs)
            weights.read(0..<outputs, of: layer, projection, into: base.pointer)
            let size = (0..<base.count).reduce(0.0) { $0 + Double(base.pointer[$1]) * Double(base.pointer[$1]) }.squareRoot()
            #expect(abs(effect.norm - change) < 1e-5 * change)
            #expect(abs((effect.relative ?? 0) - change / size) < 1e-5 * change / size)
        }
        let unweighed = AdapterInspection.inspect(folder: "\(LogitsTests.fixtures)/tiny/plain", base: files.configuration)
        #expect(unweighed.effects.allSatisfy { $0.relative == nil && $0.norm > 0 })
    }

    @Test func theCosineIsThatOfTheMatrices() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter(rank: 3, targets: [.query, .down], seed: 1).write(to: "\(folder.path)/a")
        try TinyAdapter(rank: 2, targets: [.query, .up], seed: 2).write(to: "\(folder.path)/b")
        let (one, other) = (
            try #require(Self.inspect("\(folder.path)/a").delta), try #require(Self.inspect("\(folder.path)/b").delta)
        )
        var (product, squares) = (0.0, (one: 0.0, other: 0.0))
        for layer in 0..<2 {
            let (first, second) = (try Self.matrix(one, layer, .query), try Self.matrix(other, layer, .query))
            product += zip(first, second).reduce(0) { $0 + $1.0 * $1.1 }
            for projection in [Projection.query, .down] { squares.one += try Self.matrix(one, layer, projection).reduce(0) { $0 + $1 * $1 } }
            for projection in [Projection.query, .up] { squares.other += try Self.matrix(other, layer, projection).reduce(0) { $0 + $1 * $1 } }
        }
        let expected = product / (squares.one * squares.other).squareRoot()
        #expect(abs(DeltaProduct(weights: nil).cosine(one, other) - expected) < 1e-5)
        #expect(abs(DeltaProduct(weights: nil).cosine(one, one) - 1) < 1e-5)
    }

    /// VeRA: the same matrices for all, and factors that differ.
    @Test func factorsBetweenTheMatricesCount() throws {
        var random = SeededRandom(seed: 6)
        func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &random) } }
        let pair = try LowRank(a: floats(3 * 8), transposedB: floats(3 * 8), rank: 3, inputs: 8, outputs: 8, scale: 2, element: .f32)
        func delta() -> AdapterDelta {
            let own = pair.with(rankFactors: FloatBuffer(floats(3)), outputFactors: FloatBuffer(floats(8)))
            return AdapterDelta(layers: 1, patches: [(0, .query, LinearPatch(lowRank: own))])
        }
        let (one, other) = (delta(), delta())
        let (first, second) = (try Self.matrix(one, 0, .query), try Self.matrix(other, 0, .query))
        let squares = [first, second].map { $0.reduce(0) { $0 + $1 * $1 } }
        let expected = zip(first, second).reduce(0) { $0 + $1.0 * $1.1 } / (squares[0] * squares[1]).squareRoot()
        #expect(abs(expected) < 0.99)
        #expect(abs(DeltaProduct(weights: nil).cosine(one, other) - expected) < 1e-5)
    }

    @Test func vectorsCountByWhatTheyChange() throws {
        func delta(_ values: [Float], input: Bool = false) -> AdapterDelta {
            let patch = input ? LinearPatch(inputScale: FloatBuffer(values)) : LinearPatch(outputScale: FloatBuffer(values))
            return AdapterDelta(layers: 1, patches: [(0, .query, patch)])
        }
        let product = DeltaProduct(weights: nil)
        #expect(abs(product.cosine(delta([1.5, 1, 1, 1]), delta([3, 1, 1, 1])) - 1) < 1e-6, "the same row, more of it")
        #expect(abs(product.cosine(delta([1.5, 1, 1, 1]), delta([0.5, 1, 1, 1])) + 1) < 1e-6, "the other way")
        #expect(product.cosine(delta([1.5, 1, 1, 1]), delta([1, 1.5, 1, 1])) == 0)
        #expect(product.cosine(delta([1, 1, 1, 1]), delta([1, 1, 1, 1])) == 0, "nothing is changed")
        #expect(product.cosine(delta([2, 1, 1, 1]), delta([2, 1, 1, 1], input: true)) == 0)
        #expect(product.cosine(delta([2, 1]), AdapterDelta(layers: 2)) == 0)
    }

    @Test func copiesAndNearDuplicatesAreFoundInTheStore() throws {
        let folder = try TemporaryFolder()
        let adapter = TinyAdapter(rank: 4, targets: Projection.allCases)
        var (stronger, near, turned) = (adapter, adapter, adapter)
        stronger.configuration["lora_alpha"] = 7
        turned.configuration["lora_alpha"] = -4
        var random = SeededRandom(seed: 4)
        for (name, view) in adapter.tensors {
            near.set(name, view.shape, adapter.values(name).map { $0 + Float.random(in: -0.05...0.05, using: &random) })
        }
        for (name, adapter) in [
            ("self", adapter), ("copy", adapter), ("stronger", stronger), ("near", near), ("turned", turned),
            ("other", TinyAdapter(rank: 4, targets: Projection.allCases, seed: 8)),
        ] { try adapter.write(to: "\(folder.path)/\(name)") }
        try TinyGGUF(adapter).write(to: "\(folder.path)/gguf")
        try folder.write("{", to: try folder.makeFolder("broken").split(separator: "/").suffix(1).joined() + "/adapter_config.json")
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        var seen: [Int] = []
        let found = store.likenesses(to: Self.inspect("\(folder.path)/self"), weights: nil) { done, total in seen.append(done * 100 + total) }
        #expect(found.map(\.name) == ["copy", "gguf", "stronger", "near"], "\(found)")
        #expect(found.map(\.isCopy) == [true, false, false, false])
        #expect(found.dropFirst().dropLast().allSatisfy { abs($0.similarity - 1) < 1e-5 } && found[3].similarity < 0.9999)
        #expect(seen == (1...6).map { $0 * 100 + 6 }, "each servable one but itself")
        let all = store.likenesses(to: Self.inspect("\(folder.path)/self"), weights: nil, least: -1)
        #expect(all.last?.name == "turned" && abs((all.last?.similarity ?? 0) + 1) < 1e-5)
    }

    @Test func whatDoesNotLoadIsComparedWithNothing() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        try TinyAdapter().write(to: "\(folder.path)/b")
        try folder.remove("b/adapter_model.safetensors")
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        let inspection = Self.inspect("\(folder.path)/b")
        #expect(inspection.delta == nil && store.likenesses(to: inspection, weights: nil).isEmpty)
    }

    @Test func theResidentFormIsTheStoresOwn() throws {
        let folder = try TemporaryFolder()
        try TinyAdapter().write(to: "\(folder.path)/a")
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: TinyBase.llama, element: .bf16)
        #expect(inspection.residentDelta?[0, .query]?.lowRank?.element == .bf16)
        #expect(inspection.delta?[0, .query]?.lowRank?.element == .f32)
        #expect(inspection.residentBytes == inspection.residentDelta?.byteCount)
    }
}
