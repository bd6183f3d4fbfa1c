import Foundation
import Models
import Tensors
import Testing
import Weights

@testable import Adapters

@Suite("conversion keeps what every family does")
struct ConversionTests {
    private static func logits(_ folder: AdapterFolder, _ name: String, _ fixture: FixtureCase) throws -> [Float] {
        let store = folder.store(try TinyBase.files(fixture.base), element: .f32)
        _ = store.rescan()
        let sequence = Sequence(try fixture.expected().tensor("tokens").int32s(), delta: try store.acquire(name).delta, firstBlock: 0)
        return sequence.logits(try TinyBase.decoder(fixture.base, .reference)).flatMap { $0 }
    }

    private static func conversion(_ fixture: FixtureCase) throws -> AdapterConversion {
        let files = try TinyBase.files(fixture.base)
        return AdapterConversion(base: files.configuration, weights: BaseWeights(files))
    }

    @Test("to its own family, bit for bit", arguments: FixtureCase.all)
    func same(fixture: FixtureCase) throws {
        let folder = try AdapterFolder()
        let weights = try SafetensorsFile.open("\(fixture.folder)/adapter_model.safetensors")
        try folder.write("original", like: fixture.folder, weights.tensors.values)
        // As some tools name tensors: without what wraps the model.
        let odd = weights.tensors.values.map { view in
            view.name.hasSuffix(".lora_A.weight") && view.name.hasPrefix("base_model.model.")
                ? view.renamed(view.name.dropFirst("base_model.model.".count).replacingOccurrences(of: "lora_A.", with: "lora_A.default."))
                : view
        }
        try folder.write("odd", like: fixture.folder, odd)
        let expected = try Self.logits(folder, "original", fixture)
        for source in ["original", "odd"] {
            _ = try Self.conversion(fixture).convert("\(folder.path)/\(source)", to: "\(folder.path)/made-from-\(source)")
            #expect(try Self.logits(folder, "made-from-\(source)", fixture) == expected, "\(source)")
        }
    }

    /// Either the same logits or a reason; a family that changes anything but by low-rank products has one.
    @Test("to a plain LoRA, the same or a reason", arguments: FixtureCase.all)
    func plain(fixture: FixtureCase) throws {
        let folder = try AdapterFolder()
        let weights = try SafetensorsFile.open("\(fixture.folder)/adapter_model.safetensors")
        try folder.write("original", like: fixture.folder, weights.tensors.values)
        let store = folder.store(try TinyBase.files(fixture.base), element: .f32)
        _ = store.rescan()
        let delta = try store.acquire("original").delta
        do {
            _ = try Self.conversion(fixture).convert("\(folder.path)/original", to: "\(folder.path)/made", as: .lora)
        } catch let error as AdapterError {
            #expect(error.code == .unsupported && !error.message.isEmpty)
            #expect(!delta.isLowRank || !delta.invocation.isEmpty || error.message.contains("only adds a bias"), "\(error)")
            return
        }
        let (expected, found) = (try Self.logits(folder, "original", fixture), try Self.logits(folder, "made", fixture))
        let greatest = expected.reduce(1) { max($0, abs($1)) }
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-5 * greatest })
    }

    /// Families' parts all count: an adapter is like itself, and none of its own tensors can be taken away unseen.
    @Test("what is alike", arguments: FixtureCase.all)
    func likeness(fixture: FixtureCase) throws {
        let files = try TinyBase.files(fixture.base)
        let delta = try fixture.store(element: .f32).acquire(fixture.name).delta
        let product = DeltaProduct(weights: BaseWeights(files))
        let square = product.of(delta, delta)
        #expect(square >= 0 && square.isFinite)
        let isVocabularyOnly = (0..<delta.layers).allSatisfy { layer in
            delta.feedForward(layer) == nil && Projection.allCases.allSatisfy { delta[layer, $0] == nil }
        }
        if isVocabularyOnly { return }
        #expect(square > 0 && abs(product.cosine(delta, delta) - 1) < 1e-5)
        #expect(product.of(delta, AdapterDelta(layers: delta.layers)) == 0)
    }
}
