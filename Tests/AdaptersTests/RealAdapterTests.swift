import Foundation
import Models
import Testing

@testable import Adapters

/// The adapters of the repository, on the shape of their base, SmolLM2-135M-Instruct.
@Suite struct RealAdapterTests {
    static let base = DecoderConfiguration(
        name: "SmolLM2-135M-Instruct", architecture: .llama, vocabulary: 49_152, hidden: 576, layers: 30, heads: 9,
        keyValueHeads: 3, headDimension: 64, feedForward: 1536, contextLength: 8192, normEpsilon: 1e-5,
        rope: RotaryEmbedding(base: 100_000), tiedHead: true)

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("adapters").path

    static func store(budgetBytes: Int = 100 << 20, element: LowRank.Element = .f32) -> AdapterStore {
        AdapterStore(folder: folder, base: base, budgetBytes: budgetBytes, element: element)
    }

    @Test func allAreReadyAfterTheFirstScan() {
        let store = Self.store()
        let changes = store.rescan()
        #expect(changes.added == ["bash", "data2text", "explain", "intent", "math", "pronounce", "sql"])
        // A DoRA needs the base's weights, and this store knows its shapes alone.
        #expect(Array(changes.rejected.keys) == ["attributes"] && changes.notReady.isEmpty)
        #expect(store.list().allSatisfy { $0.name == "attributes" || $0.state == .ready && $0.version == nil })
        #expect(Dictionary(uniqueKeysWithValues: store.list().map { ($0.name, $0.family) }).filter { $0.key != "attributes" && $0.value != "lora" } == ["explain": "mixlora"])
        #expect(store.rescan().isEmpty)
    }

    @Test(arguments: [
        ("bash", 210, 2.0), ("sql", 210, 16 / 8.0.squareRoot()), ("data2text", 210, 2.0), ("math", 210, 2.0),
        ("intent", 210, 2.0), ("pronounce", 210, 2.0),
    ])
    func loadsWithTheShapesOfTheBase(name: String, patches: Int, scale: Double) throws {
        let store = Self.store()
        _ = store.rescan()
        let adapter = try store.acquire(name)
        #expect(adapter.version.count == 32)
        #expect(adapter.summary.patchCount == patches)
        #expect(adapter.summary.ranks == 8...8)
        try adapter.delta.validate(for: Self.base)
        var found = 0
        for layer in 0..<Self.base.layers {
            for projection in Projection.allCases {
                guard let lowRank = adapter.delta[layer, projection]?.lowRank else { continue }
                found += 1
                #expect(lowRank.rank == 8)
                #expect(abs(Double(lowRank.scale) - scale) < 1e-6)
            }
        }
        #expect(found == patches)
        #expect(adapter.delta.byteCount == 4 * adapter.summary.parameters)
        #expect(store.status(name)?.state == .resident)
    }

    @Test func halfTheMemoryInBF16() throws {
        let store = Self.store(element: .bf16)
        _ = store.rescan()
        let adapter = try store.acquire("bash")
        #expect(adapter.delta.byteCount == 2 * adapter.summary.parameters)
    }

    @Test func inspectionMeasuresTheEffect() throws {
        let inspection = AdapterInspection.inspect(folder: "\(Self.folder)/math", base: Self.base)
        #expect(inspection.problems.isEmpty)
        #expect(inspection.takesEffect)
        #expect(inspection.idleTargets.isEmpty)
        #expect(inspection.effects.count == 210)
        #expect(inspection.tensors.count == 420)
        #expect(inspection.summary?.targets == ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
        #expect(inspection.summary?.baseModelName == "HuggingFaceTB/SmolLM2-135M-Instruct")
    }
}
