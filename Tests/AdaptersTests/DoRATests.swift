import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// DoRA on a base of its own: `y = m / ||W + s B A|| * (W x + s B A x) + b`, row by row. Agreement with peft's logits is the
/// conformance suite's.
@Suite struct DoRATests {
    static func magnitude(_ layer: Int, _ projection: Projection) -> String {
        "base_model.model.\(TinyAdapter.module(layer, projection)).lora_magnitude_vector"
    }

    static func adapter(on base: BaseWeights, magnitudes: Bool = true) -> TinyAdapter {
        var adapter = TinyAdapter(rank: 3, alpha: 6, targets: [.query, .down], base: base.configuration)
        adapter.configuration["use_dora"] = true
        guard magnitudes else { return adapter }
        for layer in 0..<base.configuration.layers {
            for projection in [Projection.query, .down] {
                let outputs = projection.shape(in: base.configuration).outputs
                adapter.set(magnitude(layer, projection), [outputs], (0..<outputs).map { 0.5 + Float($0 % 7) })
            }
        }
        return adapter
    }

    /// `W + 2 B A`, in f64.
    static func changed(_ adapter: TinyAdapter, _ base: BaseWeights, _ layer: Int, _ projection: Projection) -> [[Double]] {
        let (outputs, inputs) = projection.shape(in: base.configuration)
        let weights = TinyWeights.rows(base, layer, projection)
        let (a, b) = (adapter.values(TinyAdapter.a(layer, projection)), adapter.values(TinyAdapter.b(layer, projection)))
        return (0..<outputs).map { output in
            (0..<inputs).map { input in
                let product = (0..<3).reduce(0.0) { $0 + Double(b[3 * output + $1]) * Double(a[$1 * inputs + input]) }
                return Double(weights[output * inputs + input]) + 2 * product
            }
        }
    }

    static func norm(_ row: [Double]) -> Double { row.reduce(0) { $0 + $1 * $1 }.squareRoot() }

    static func load(
        _ adapter: TinyAdapter, _ base: BaseWeights, element: LowRank.Element = .f32
    ) throws -> (AdapterDelta, AdapterInspection) {
        let folder = try TemporaryFolder()
        try adapter.write(to: "\(folder.path)/a")
        let store = AdapterStore(
            folder: folder.path, base: base.configuration, weights: base, budgetBytes: 1 << 20, element: element)
        _ = store.rescan()
        let inspection = AdapterInspection.inspect(
            folder: "\(folder.path)/a", base: base.configuration, weights: base, element: element)
        return (try store.acquire("a").delta, inspection)
    }

    @Test(arguments: [LowRank.Element.f32, .int8])
    func rowsGetTheLengthsOfTheFile(element: LowRank.Element) throws {
        let base = try TinyWeights().base
        let adapter = Self.adapter(on: base)
        let (delta, inspection) = try Self.load(adapter, base, element: element)
        for (layer, projection) in [(0, Projection.query), (1, .down)] {
            let scale = try #require(delta[layer, projection]?.outputScale)
            let lengths = adapter.values(Self.magnitude(layer, projection))
            for (output, row) in Self.changed(adapter, base, layer, projection).enumerated() {
                #expect(abs(Double(scale.pointer[output]) * Self.norm(row) / Double(lengths[output]) - 1) < 1e-6)
            }
        }
        #expect(delta.byteCount == inspection.residentBytes)
        #expect(inspection.summary?.family == "dora" && inspection.summary?.notices.isEmpty == true)
    }

    @Test func theEffectIsTheChangeOfTheMatrix() throws {
        let base = try TinyWeights().base
        let adapter = Self.adapter(on: base)
        let effects = try Self.load(adapter, base).1.effects
        let effect = try #require(effects.first { $0.layer == 1 && $0.projection == .query })
        let lengths = adapter.values(Self.magnitude(1, .query))
        let (weights, inputs) = (TinyWeights.rows(base, 1, .query), base.configuration.hidden)
        let square = Self.changed(adapter, base, 1, .query).enumerated().reduce(0.0) { sum, row in
            let factor = Double(lengths[row.offset]) / Self.norm(row.element)
            return sum + row.element.enumerated().reduce(0) {
                let change = factor * $1.element - Double(weights[row.offset * inputs + $1.offset])
                return $0 + change * change
            }
        }
        #expect(abs(effect.norm / square.squareRoot() - 1) < 1e-6)
    }

    @Test func withoutMagnitudesTheyAreTheNormsOfTheBase() throws {
        let base = try TinyWeights().base
        let adapter = Self.adapter(on: base, magnitudes: false)
        let (delta, inspection) = try Self.load(adapter, base)
        let scale = try #require(delta[0, .query]?.outputScale)
        let (weights, inputs) = (TinyWeights.rows(base, 0, .query), base.configuration.hidden)
        for (output, row) in Self.changed(adapter, base, 0, .query).enumerated() {
            let length = Self.norm(weights[output * inputs..<(output + 1) * inputs].map(Double.init))
            #expect(abs(Double(scale.pointer[output]) * Self.norm(row) / length - 1) < 1e-6)
        }
        #expect(inspection.summary?.notices.count == 1)
        // An untrained one: B is zero, and the lengths are the base's own.
        var untrained = adapter
        for name in adapter.tensors.keys where name.contains("lora_B") { untrained.fill(name, with: 0) }
        let error = #expect(throws: AdapterError.self) { _ = try Self.load(untrained, base) }
        #expect(error?.code == .noEffect)
        // Lengths alone are an effect.
        for (name, values) in [(Self.magnitude(0, .query), [Float](repeating: 2, count: 48))] {
            untrained.set(name, [48], values)
        }
        for layer in 0..<2 {
            for projection in [Projection.query, .down] where layer > 0 || projection == .down {
                untrained.set(Self.magnitude(layer, projection), [48], [Float](repeating: 1, count: 48))
            }
        }
        #expect(try Self.load(untrained, base).0[0, .query]?.lowRank == nil)
    }

    @Test func refusals() throws {
        let base = try TinyWeights().base
        func refusal(_ weights: BaseWeights?, _ change: (inout TinyAdapter) -> Void) throws -> AdapterError {
            let folder = try TemporaryFolder()
            var adapter = Self.adapter(on: base)
            change(&adapter)
            try adapter.write(to: "\(folder.path)/a")
            let store = AdapterStore(folder: folder.path, base: base.configuration, weights: weights, budgetBytes: 1 << 20)
            _ = store.rescan()
            return try #require(throws: AdapterError.self) { _ = try store.acquire("a") }
        }
        let shapesOnly = try refusal(nil) { _ in }
        #expect(shapesOnly.code == .unsupported && shapesOnly.key == "use_dora", "\(shapesOnly)")
        let bias = try refusal(base) { $0.configuration["lora_bias"] = true }
        #expect(bias.code == .unsupported && bias.key == "lora_bias", "\(bias)")
        let name = Self.magnitude(1, .down)
        let off = try refusal(base) { $0.configuration["use_dora"] = false }
        #expect(off.code == .unreadTensor && off.message.contains("use_dora"), "\(off)")
        let missing = try refusal(base) { $0.tensors[name] = nil }
        #expect(missing.code == .missingTensor && missing.tensor == name, "\(missing)")
        let wide = try refusal(base) { $0.set(name, [49], [Float](repeating: 1, count: 49)) }
        #expect(wide.code == .otherBase && wide.tensor == name, "\(wide)")
        let twice = try refusal(base) { $0.set("\(name).weight", [48], [Float](repeating: 1, count: 48)) }
        #expect(twice.code == .unreadTensor && twice.tensor == "\(name).weight", "\(twice)")
        let infinite = try refusal(base) { $0.fill(name, with: .infinity) }
        #expect(infinite.code == .nonFinite && infinite.tensor == name, "\(infinite)")
    }

    /// Rows without a direction: `W = 0` and `B = 0`.
    @Test func aRowOfZerosCannotBeScaled() throws {
        let weights = try TinyWeights { name, values in
            if name == "model.layers.0.self_attn.q_proj.weight" { values.replaceSubrange(2 * 48..<3 * 48, with: [Float](repeating: 0, count: 48)) }
        }
        var adapter = Self.adapter(on: weights.base)
        var b = adapter.values(TinyAdapter.b(0, .query))
        b.replaceSubrange(6..<9, with: [0, 0, 0])
        adapter.set(TinyAdapter.b(0, .query), [48, 3], b)
        let error = #expect(throws: AdapterError.self) { _ = try Self.load(adapter, weights.base) }
        #expect(error?.code == .nonFinite && error?.tensor == Self.magnitude(0, .query))
        #expect(error?.message.contains("row 2") == true)
    }

    @Test func theOtherSpellingOfTheMagnitudeIsRead() throws {
        let base = try TinyWeights().base
        var adapter = Self.adapter(on: base)
        for (name, view) in adapter.tensors where name.hasSuffix("lora_magnitude_vector") {
            adapter.tensors[name] = nil
            adapter.tensors["\(name).weight"] = view.renamed("\(name).weight")
        }
        #expect(try Self.load(adapter, base).0[0, .down]?.outputScale != nil)
    }

    /// What needs the base's values is not loaded with zeros in their place; what does not need them is loaded.
    @Test func aBaseThatIsTruncatedIsAnErrorForTheAdaptersThatReadIt() throws {
        let tiny = try TinyWeights()
        let base = tiny.base
        let folder = try TemporaryFolder()
        try Self.adapter(on: base).write(to: "\(folder.path)/dora")
        try Self.adapter(on: base).write(to: "\(folder.path)/later")
        var plain = Self.adapter(on: base, magnitudes: false)
        plain.configuration["use_dora"] = false
        try plain.write(to: "\(folder.path)/plain")
        let store = AdapterStore(folder: folder.path, base: base.configuration, weights: base, budgetBytes: 1 << 20, element: .f32)
        _ = store.rescan()
        let pinned = try store.acquire("dora")
        tiny.truncate(to: 4_096)
        let error = #expect(throws: AdapterError.self) { try store.acquire("later") }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("model.safetensors") == true, "\(error?.message ?? "")")
        #expect(try store.acquire("plain").name == "plain")
        #expect(try store.acquire("dora").version == pinned.version)
    }
}
