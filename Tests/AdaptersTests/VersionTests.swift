import Dispatch
import Foundation
import Models
import Synchronization
import TestSupport
import Testing

@testable import Adapters

/// The version of an adapter: a hash of what it does, whoever reads it and however many threads do.
@Suite struct VersionTests {
    private func version(_ adapter: TinyAdapter, template: String? = nil) throws -> String {
        let folder = try TemporaryFolder()
        try adapter.write(to: "\(folder.path)/one")
        if let template { try folder.write(template, to: "one/chat_template.jinja") }
        let store = AdapterStoreTests.store(folder)
        _ = store.rescan()
        let version = try store.acquire("one").version
        let inspection = AdapterInspection.inspect(folder: "\(folder.path)/one", base: TinyBase.llama)
        #expect(inspection.version == version, "read whole or tensor by tensor")
        return version
    }

    @Test func itChangesWithEveryPart() throws {
        let adapter = TinyAdapter()
        var (otherFactor, otherElement, otherMeaning) = (adapter, adapter, adapter)
        otherFactor.configuration["lora_alpha"] = 8
        let name = TinyAdapter.b(1, .value)
        var values = adapter.values(name)
        values[values.count - 1] += 0.5
        otherElement.set(name, [4, 2], values)
        // The same bytes under each other's names.
        let (first, second) = (TinyAdapter.a(0, .query), TinyAdapter.a(0, .value))
        otherMeaning.set(first, [2, 8], adapter.values(second))
        otherMeaning.set(second, [2, 8], adapter.values(first))
        let versions = [
            try version(adapter), try version(otherFactor), try version(otherElement), try version(otherMeaning),
            try version(adapter, template: "{{ messages }}"), try version(adapter, template: "{{ messages[0] }}"),
        ]
        #expect(Set(versions).count == versions.count)
        #expect(versions.allSatisfy { $0.count == 32 && $0.allSatisfy(\.isHexDigit) })
        #expect(try version(adapter) == versions[0])
    }

    /// More bytes than one thread takes: the same version and the same matrices each time, also when as many loads as there
    /// are threads run at once on the queue whose threads they ask for.
    @Test func manyThreadsReadTheSame() throws {
        let base = DecoderConfiguration(
            name: "wide", architecture: .llama, vocabulary: 16, hidden: 256, layers: 4, heads: 4, keyValueHeads: 4, headDimension: 64,
            feedForward: 512, contextLength: 32, normEpsilon: 1e-5, rope: RotaryEmbedding(base: 10_000))
        let folder = try TemporaryFolder()
        let adapter = TinyAdapter(rank: 64, alpha: 64, targets: Projection.allCases, base: base)
        try adapter.write(to: "\(folder.path)/one")
        let loader = AdapterLoader(base: BaseModules(base), element: .f32, limits: .init(), registry: .standard)
        let first = try loader.load(try AdapterDirectory(path: "\(folder.path)/one"))
        let group = DispatchGroup()
        let versions = Mutex(Set<String>())
        for _ in 0..<100 {
            DispatchQueue.global(qos: .userInitiated).async(group: group) {
                guard let loaded = try? loader.load(try AdapterDirectory(path: "\(folder.path)/one")) else { return }
                versions.withLock { _ = $0.insert(loaded.version) }
            }
        }
        #expect(group.wait(timeout: .now() + 600) == .success)
        #expect(versions.withLock { $0 } == [first.version])
        for layer in 0..<base.layers {
            for projection in Projection.allCases {
                let lowRank = try #require(first.delta[layer, projection]?.lowRank)
                let a = UnsafeBufferPointer(start: lowRank.a.assumingMemoryBound(to: Float.self), count: lowRank.rank * lowRank.inputs)
                #expect(Array(a) == adapter.values(TinyAdapter.a(layer, projection)))
            }
        }
    }
}
