import JSON
import Testing

@testable import Models

@Suite("threads' parts of queries, keys and values")
struct HeadShareTests {
    @Test(
        "every head is one thread's, and every cut one of packed matrices",
        arguments: [(9, 3, 64), (4, 1, 256), (9, 3, 20), (4, 2, 10), (3, 3, 24)])
    func parts(heads: Int, keyValueHeads: Int, dimension: Int) throws {
        let model = try TinyModel(
            TinyModel.config(
                "llama",
                [
                    "num_attention_heads": .integer(Int64(heads)), "num_key_value_heads": .integer(Int64(keyValueHeads)),
                    "head_dim": .integer(Int64(dimension)),
                ]))
        let shape = FastShape(try ModelFiles.open(model.path).configuration)
        #expect((shape.heads, shape.keyValueHeads, shape.headDimension) == (heads, keyValueHeads, dimension))
        for threads in 1...20 {
            let shares = (0..<threads).map { HeadShare(shape, thread: $0, threads: threads) }
            for (part, count) in [(\HeadShare.queries, heads), (\.keys, keyValueHeads), (\.values, keyValueHeads)] {
                #expect(shares.flatMap { Array($0[keyPath: part]) } == Array(0..<count))
                for share in shares where !share[keyPath: part].isEmpty {
                    let outputs = share.outputs(share[keyPath: part])
                    #expect(outputs.lowerBound % 16 == 0)
                    #expect(outputs.upperBound % 16 == 0 || outputs.upperBound == count * dimension)
                }
            }
        }
    }
}
