import Foundation
import Models
import Tensors
import Testing
import Weights

@testable import Adapters

@Suite("every family against the package that wrote it")
struct ReferenceTests {
    @Test("fixtures of all families are there")
    func fixtures() {
        #expect(FixtureCase.all.count > 70)
        #expect(FixtureCase.all.allSatisfy { !$0.base.isEmpty })
    }

    @Test("one family of the registry recognises it", arguments: FixtureCase.all)
    func recognised(fixture: FixtureCase) throws {
        let text = Array(try Data(contentsOf: URL(fileURLWithPath: "\(fixture.folder)/adapter_config.json")))
        let manifest = try AdapterManifest(parsing: text)
        #expect(AdapterRegistry.standard.families.count { $0.recognises(manifest) } == 1)
    }

    @Test("logits within 1e-4 of the package's", arguments: FixtureCase.all)
    func logits(fixture: FixtureCase) throws {
        let decoder = try TinyBase.decoder(fixture.base, .reference)
        let adapter = try fixture.store(element: .f32).acquire(fixture.name)
        try adapter.delta.validate(for: decoder.configuration)
        let file = try fixture.expected()
        let (tokens, expected) = (try file.tensor("tokens").int32s(), try file.tensor("logits").floats())
        let base = Sequence(known(tokens, decoder)).logits(decoder).flatMap { $0 }
        #expect(relativeDifference(base, expected) > 0.02, "the adapter changes the answers")
        for chunk in [tokens.count, 7, 1] {
            let logits = Sequence(tokens, delta: adapter.delta).logits(decoder, chunk: chunk).flatMap { $0 }
            let difference = relativeDifference(logits, expected)
            #expect(difference < 1e-4, "in chunks of \(chunk)")
        }
    }

    /// Most of the fixtures' values are whole numbers of 8 bits by a power of two, which both types hold.
    @Test("files of f16 and bf16 do the same, but for what they round", arguments: FixtureCase.all)
    func halves(fixture: FixtureCase) throws {
        let decoder = try TinyBase.decoder(fixture.base, .reference)
        let tensors = try SafetensorsFile.open("\(fixture.folder)/adapter_model.safetensors").tensors.values
        let file = try fixture.expected()
        let (tokens, expected) = (try file.tensor("tokens").int32s(), try file.tensor("logits").floats())
        let folder = try AdapterFolder()
        for (name, bits) in [("f16", { Float16($0).bitPattern }), ("bf16", SeededTensor.bf16)] as [(String, (Float) -> UInt16)] {
            let rounded = try tensors.map { view in
                try #require(
                    view.floats().map(bits).withUnsafeBytes {
                        TensorView(name: view.name, dtype: name == "f16" ? .f16 : .bf16, shape: view.shape, copying: $0)
                    })
            }
            try folder.write(name, like: fixture.folder, rounded)
        }
        let store = folder.store(try TinyBase.files(fixture.base), element: .f32)
        _ = store.rescan()
        for (name, tolerance) in [("f16", Float(1e-2)), ("bf16", 5e-2)] {
            let logits = Sequence(tokens, delta: try store.acquire(name).delta).logits(decoder).flatMap { $0 }
            #expect(relativeDifference(logits, expected) < tolerance, "\(name)")
        }
    }

    /// The bar that `FastDecoderTests` has for the base. A router that chooses is a step: rounding takes some rows over it. Compared are
    /// those that chose the same, which most do.
    @Test("the fast path within a mean KL of 0.006 of the reference", arguments: FixtureCase.all)
    func fast(fixture: FixtureCase) throws {
        let (reference, fast) = (try TinyBase.decoder(fixture.base, .reference), try TinyBase.decoder(fixture.base, .fast))
        let exact = try fixture.store(element: .f32).acquire(fixture.name)
        let tokens = try fixture.expected().tensor("tokens").int32s()
        let plain = Sequence(known(tokens, fast))
        let base = meanDivergence(plain.logits(reference), plain.logits(fast))
        let rows = Sequence(tokens, delta: exact.delta).logits(reference)
        for element in LowRank.Element.allCases {
            let adapter = try fixture.store(element: element).acquire(fixture.name)
            let chosen = (RouterTrace(tokens, reference, exact.delta).chosen, RouterTrace(tokens, fast, adapter.delta).chosen)
            let fastRows = Sequence(tokens, delta: adapter.delta).logits(fast)
            let kept = tokens.indices.filter { chosen.0[$0] == chosen.1[$0] }
            let divergence = meanDivergence(kept.map { rows[$0] }, kept.map { fastRows[$0] })
            print("\(fixture.name), \(element.rawValue): mean KL \(divergence) of \(kept.count) of \(tokens.count) rows, of the base \(base)")
            #expect(kept.count * 2 >= tokens.count)
            // Rows attend to those before them that chose otherwise.
            #expect(divergence < (kept.count == tokens.count ? 0.006 : 0.012), "the base: \(base)")
        }
    }

    /// With the base's last token in place of tokens that only an adapter has.
    private func known(_ tokens: [Int32], _ decoder: StepWorkspace) -> [Int32] {
        tokens.map { min($0, Int32(decoder.configuration.vocabulary) - 1) }
    }
}
