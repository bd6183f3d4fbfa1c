import Foundation
import JSON
import Models
import Tensors
import TestSupport
import Testing

@testable import Adapters

/// VeRA: shared matrices, cut to each module's widths, and two vectors of each module. Agreement with peft's logits is the
/// conformance suite's.
@Suite struct VeRATests {
    static let rank = 5
    static let (sharedA, sharedB) = ("base_model.vera_A", "base_model.vera_B")
    static let targets: [Projection] = [.query, .value, .down]

    static func vector(_ name: String, _ layer: Int, _ projection: Projection) -> String {
        "base_model.model.\(TinyAdapter.module(layer, projection)).vera_lambda_\(name)"
    }

    /// The widest inputs are those of down, the widest outputs those of query and down.
    static func adapter(_ base: DecoderConfiguration) -> TinyAdapter {
        var adapter = TinyAdapter(targets: [])
        adapter.configuration = [
            "peft_type": "VERA", "task_type": "CAUSAL_LM", "r": .integer(Int64(rank)), "save_projection": true, "bias": "none",
            "target_modules": .array(targets.map { .string(TinyAdapter.shortName($0)) }), "vera_dropout": 0.1, "d_initial": 0.1,
        ]
        var random = SeededRandom(seed: 12)
        adapter.setRandom(sharedA, [rank, base.feedForward], &random)
        adapter.setRandom(sharedB, [base.hidden, rank], &random)
        for layer in 0..<base.layers {
            for projection in targets {
                adapter.setRandom(vector("b", layer, projection), [projection.shape(in: base).outputs], &random)
                adapter.setRandom(vector("d", layer, projection), [rank], &random)
            }
        }
        return adapter
    }

    static func store(
        _ folder: TemporaryFolder, _ adapter: TinyAdapter, _ base: DecoderConfiguration, _ element: LowRank.Element = .f32
    ) throws -> AdapterStore {
        try adapter.write(to: "\(folder.path)/a")
        let store = AdapterStore(folder: folder.path, base: base, budgetBytes: 1 << 20, element: element)
        _ = store.rescan()
        return store
    }

    @Test func modulesOfAShapeShareTheirMatrices() throws {
        let (base, folder) = (try TinyWeights().files.configuration, try TemporaryFolder())
        let adapter = Self.adapter(base)
        for element in LowRank.Element.allCases {
            let loaded = try Self.store(folder, adapter, base, element).acquire("a")
            #expect(loaded.delta[0, .down]?.lowRank?.sharesMatrices(with: loaded.delta[1, .down]?.lowRank) == true)
            #expect(loaded.delta[0, .query]?.lowRank?.sharesMatrices(with: loaded.delta[0, .value]?.lowRank) == false)
            let inspection = AdapterInspection.inspect(folder: "\(folder.path)/a", base: base, element: element)
            #expect(inspection.residentBytes == loaded.delta.byteCount)
            #expect(loaded.summary.family == "vera" && loaded.summary.ranks == 5...5)
            #expect(loaded.summary.parameters == adapter.tensors.values.reduce(0) { $0 + $1.elementCount })
        }
    }

    /// `lb (B (ld (A x)))` for each unit vector x, from the first rows and columns of the shared matrices.
    @Test func theMatricesAreCutFromTheirStart() throws {
        let (base, folder) = (try TinyWeights().files.configuration, try TemporaryFolder())
        let adapter = Self.adapter(base)
        let delta = try Self.store(folder, adapter, base).acquire("a").delta
        let effects = AdapterInspection.inspect(folder: "\(folder.path)/a", base: base).effects
        let (a, b) = (adapter.values(Self.sharedA), adapter.values(Self.sharedB))
        for (layer, projection) in [(0, Projection.query), (1, .value), (1, .down)] {
            let (outputs, inputs) = projection.shape(in: base)
            let (lb, ld) = (adapter.values(Self.vector("b", layer, projection)), adapter.values(Self.vector("d", layer, projection)))
            let factors = try #require(delta[layer, projection]?.lowRank).factors
            var square = 0.0
            for output in 0..<outputs {
                for input in 0..<inputs {
                    var (expected, found) = (0.0, 0.0)
                    for rank in 0..<Self.rank {
                        expected += Double(lb[output]) * Double(b[output * Self.rank + rank]) * Double(ld[rank])
                            * Double(a[rank * base.feedForward + input])
                        found += Double(factors.transposedB[rank * outputs + output]) * Double(factors.a[rank * inputs + input])
                    }
                    #expect(abs(expected - found) < 1e-5)
                    square += expected * expected
                }
            }
            let norm = try #require(effects.first { $0.layer == layer && $0.projection == projection }).norm
            #expect(abs(norm / square.squareRoot() - 1) < 1e-4)
        }
    }

    @Test func refusals() throws {
        let base = try TinyWeights().files.configuration
        func refusal(_ change: (inout TinyAdapter) -> Void) throws -> AdapterError {
            let folder = try TemporaryFolder()
            var adapter = Self.adapter(base)
            change(&adapter)
            let store = try Self.store(folder, adapter, base)
            return try #require(throws: AdapterError.self) { _ = try store.acquire("a") }
        }
        let missing = try refusal { $0.tensors[Self.sharedB] = nil }
        #expect(missing.code == .missingTensor && missing.tensor == Self.sharedB, "\(missing)")
        let unsaved = try refusal {
            $0.tensors[Self.sharedA] = nil
            $0.configuration["save_projection"] = false
        }
        #expect(unsaved.code == .unsupported && unsaved.key == "save_projection" && unsaved.message.contains("save_projection=True"), "\(unsaved)")
        let narrow = try refusal { $0.set(Self.sharedA, [5, 48], [Float](repeating: 1, count: 240)) }
        #expect(narrow.code == .otherBase && narrow.tensor == Self.sharedA, "\(narrow)")
        let rank = try refusal { $0.configuration["r"] = 4 }
        #expect(rank.code == .wrongShape && rank.message.contains("rank"), "\(rank)")
        let vector = Self.vector("d", 1, .value)
        let half = try refusal { $0.tensors[vector] = nil }
        #expect(half.code == .missingTensor && half.tensor == vector, "\(half)")
        let long = try refusal { $0.set(vector, [6], [Float](repeating: 1, count: 6)) }
        #expect(long.code == .wrongShape && long.tensor == vector, "\(long)")
        let nan = try refusal { $0.fill(vector, with: .nan) }
        #expect(nan.code == .nonFinite && nan.tensor == vector, "\(nan)")
        let infinite = try refusal { $0.fill(Self.sharedA, with: .infinity) }
        #expect(infinite.code == .nonFinite && infinite.tensor == Self.sharedA, "\(infinite)")
        let untargeted = try refusal { $0.set(Self.vector("d", 0, .up), [5], [1, 1, 1, 1, 1]) }
        #expect(untargeted.code == .unreadTensor, "\(untargeted)")
        let foreign = try refusal { $0.set(TinyAdapter.a(0, .query), [2, 48], [Float](repeating: 1, count: 96)) }
        #expect(foreign.code == .unsupported && foreign.message.contains("LoRA"), "\(foreign)")
        for letter in ["b", "d"] {
            let idle = try refusal { adapter in
                for name in adapter.tensors.keys where name.hasSuffix("vera_lambda_\(letter)") { adapter.fill(name, with: 0) }
            }
            #expect(idle.code == .noEffect, "\(idle)")
        }
        for (key, value, code) in [
            ("modules_to_save", ["score"], AdapterError.Code.unsupported), ("r", 0, .malformed), ("save_projection", 1, .malformed),
            ("bias", "lora_only", .malformed), ("task_type", "SEQ_CLS", .unsupported), ("use_dora", true, .unsupported),
        ] as [(String, JSONValue, AdapterError.Code)] {
            let error = try refusal { $0.configuration[key] = value }
            #expect(error.code == code && error.key?.contains(key) == true, "\(error)")
        }
    }
}
