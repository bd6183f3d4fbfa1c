import Foundation
import Models
import Tensors
import Testing
import Weights

@testable import Adapters

/// `models/base.gguf`, which `scripts/test` fetches, and an adapter of each family for it.
enum RealBase {
    static let folder = "\(Repository.path)/Tests/ConformanceTests/Fixtures/real"

    static let all: [String] = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()

    static func files() throws -> ModelFiles { try ModelFiles.open("\(Repository.path)/models/base.gguf") }

    /// Makes the tensors and writes the folder that they belong into.
    static func write(_ name: String, in target: AdapterFolder) throws {
        try target.write(name, like: "\(folder)/\(name)", try SeededAdapter("\(folder)/\(name)").tensors)
    }
}

@Suite("every family on the real base", .serialized)
struct RealBaseTests {
    private static let pool = WorkerPool(threads: 2)
    /// Weights that the tests of this suite share.
    private static let weights = Result {
        let files = try RealBase.files()
        return (
            files: files, reference: try DecoderWeights(files, precision: .reference, pool: pool),
            fast: try DecoderWeights(files, precision: .fast, pool: pool)
        )
    }

    @Test("tensors made from their names are those of the Python side")
    func formula() throws {
        let view = try SeededTensor.make("b", seed: "a", shape: [2, 3], exponent: 7, offset: 1)
        #expect(view.floats() == [1.671875, 1.1796875, 1.7421875, 0.09375, 0.765625, 0.4765625])
        #expect(RealBase.all.count >= 12)
    }

    @Test("reference logits within 2e-3 of the package's, the fast path within its bar", arguments: RealBase.all)
    func logits(name: String) throws {
        let weights = try Self.weights.get()
        let files = weights.files
        let reference = try StepWorkspace(weights.reference, pool: Self.pool, maximumRows: 64)
        let fast = try StepWorkspace(weights.fast, pool: Self.pool, maximumRows: 64)
        let folder = try AdapterFolder(isLarge: true)
        try RealBase.write(name, in: folder)
        let file = try SafetensorsFile.open("\(RealBase.folder)/\(name)/expected.safetensors")
        let tokens = try file.tensor("tokens").int32s()
        let store = folder.store(files, element: .f32)
        _ = store.rescan()
        let exact = try store.acquire(name)
        let rows = Sequence(tokens, delta: exact.delta).logits(reference)

        let sampled = try file.tensor("positions").int32s().flatMap { position in
            stride(from: 0, to: files.configuration.vocabulary, by: 49).map { rows[Int(position)][$0] }
        }
        let difference = relativeDifference(sampled, try file.tensor("column_values").floats())
        #expect(difference < 2e-3)
        let largest = rows.joined().reduce(0) { max($0, abs($1)) }
        let (best, sums) = (try file.tensor("argmax").int32s(), try file.tensor("log_sum_exp").floats())
        for (position, row) in rows.enumerated() {
            let top = row.max() ?? 0
            #expect(top - row[Int(best[position])] <= 2e-3 * largest, "position \(position)")
            let sum = log(row.reduce(0.0) { $0 + exp(Double($1 - top)) }) + Double(top)
            #expect(abs(sum - Double(sums[position])) <= 2e-3 * Double(largest), "position \(position)")
        }

        let small = folder.store(files, element: .int8)
        _ = small.rescan()
        let divergence = meanDivergence(rows, Sequence(tokens, delta: try small.acquire(name).delta).logits(fast))
        let base = meanDivergence(Sequence(tokens).logits(reference), Sequence(tokens).logits(fast))
        print("\(name): logits within \(difference) of the greatest; the fast path's mean KL \(divergence), of the base \(base)")
        #expect(divergence < 0.006)
    }
}
