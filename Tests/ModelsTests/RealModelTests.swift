import Tensors
import Testing
import Weights

@testable import Models

@Suite("the real base model and adapters against transformers and peft")
struct RealModelTests {
    /// The greatest difference from stored logits: the largest of each position, and random columns.
    static func difference(_ rows: [[Float]], _ file: SafetensorsFile, _ key: String) throws -> Float {
        let (top, values) = (try file.tensor("\(key).top_ids"), try file.tensor("\(key).top_values").floats())
        let (columns, columnValues) = (
            try file.tensor("columns").int32s(), try file.tensor("\(key).column_values").floats()
        )
        let ids = top.int32s()
        #expect(rows.count == top.rows && rows.count > 10)
        var worst: Float = 0
        for (position, row) in rows.enumerated() {
            #expect(row.allSatisfy { $0.isFinite })
            for place in 0..<top.columns {
                let index = position * top.columns + place
                worst = max(worst, abs(row[Int(ids[index])] - values[index]))
            }
            for (place, column) in columns.enumerated() {
                worst = max(worst, abs(row[Int(column)] - columnValues[position * columns.count + place]))
            }
        }
        return worst
    }

    @Test("reference logits within 1e-3 of transformers, adapters' within 2e-3 of peft")
    func logits() throws {
        let files = try ModelFiles.open(baseModelPath)
        let decoder = try StepWorkspace(files, precision: .reference, pool: ReferenceDecoderTests.pool)
        let base = try SafetensorsFile.open(fixtures.appendingPathComponent("base.safetensors").path)
        for text in 0..<3 {
            let rows = try Sequence(base.tensor("\(text).tokens").int32s()).logits(decoder)
            let worst = try Self.difference(rows, base, "\(text)")
            print("text \(text): logits within \(worst) of transformers")
            #expect(worst < 1e-3)
        }
        let adapters = try SafetensorsFile.open(
            repository.appendingPathComponent("Tests/AdaptersTests/Fixtures/logits.safetensors").path)
        for name in ["bash", "sql", "data2text", "intent", "math"] {
            let delta = try Deltas.real(name, files.configuration)
            for text in 0..<2 {
                let tokens = try adapters.tensor("\(name).\(text).tokens").int32s()
                let worst = try Self.difference(
                    Sequence(tokens, delta: delta).logits(decoder), adapters, "\(name).\(text)")
                print("\(name), text \(text): logits within \(worst) of peft")
                #expect(worst < 2e-3)
            }
        }
    }
}
