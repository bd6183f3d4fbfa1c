import MergeMethods
import Testing

/// Numbers done by hand.
@Suite("Merges done by hand")
struct GoldenTests {
    private func merge(_ method: MergeMethod, _ changes: [[Float]], own: [MergeValues], shared: MergeValues = [:]) throws -> [Float] {
        let count = changes[0].count
        return try TensorMerge(
            method, [[Float](repeating: 0, count: count)] + changes, shape: count == 4 ? [2, 2] : [count], base: 0, own: [[:]] + own, shared: shared
        ).result()
    }

    @Test("A lone source at weight 0.5 comes out whole from ties, by half from task arithmetic and from ties without normalize")
    func loneSource() throws {
        let change: [Float] = [1, -2, 3, 4]
        #expect(try merge(.ties, [change], own: [["weight": 0.5]]) == change)
        #expect(try merge(.taskArithmetic, [change], own: [["weight": 0.5]]) == [0.5, -1, 1.5, 2])
        #expect(try merge(.ties, [change], own: [["weight": 0.5]], shared: ["normalize": 0]) == [0.5, -1, 1.5, 2])
        // A weight below zero is normalised away as well.
        #expect(try merge(.ties, [change], own: [["weight": -0.5]]) == change)
    }

    @Test("Weights take part in the vote on signs")
    func weightedVote() throws {
        #expect(try merge(.ties, [[3], [-1]], own: [["weight": 0.2], ["weight": 1]]) == [-1])
    }

    @Test("A tie of signs elects the positive one")
    func tie() throws {
        #expect(try merge(.ties, [[1, 2], [-1, -2]], own: [["weight": 1], ["weight": 1]]) == [1, 2])
    }

    @Test("Half of four elements are the two with the greatest magnitudes")
    func half() throws {
        #expect(try merge(.ties, [[4, -3, 2, 1]], own: [["weight": 1, "density": 0.5]]) == [4, -3, 0, 0])
    }

    @Test("Of equal magnitudes at the threshold the first are kept")
    func equals() throws {
        #expect(try merge(.ties, [[1, -1, 1, -1]], own: [["weight": 1, "density": 0.5]]) == [1, -1, 0, 0])
        #expect(try merge(.ties, [[0, 0, 0, 2]], own: [["weight": 1, "density": 0.75]]) == [0, 0, 0, 2])
    }

    @Test("What survives DARE is scaled to the magnitude of the whole")
    func rescale() throws {
        let change: [Float] = [4, -3, 2, 1]
        for seed in 0..<40 as Range<UInt64> {
            let result = try TensorMerge(
                .dareLinear, [[0, 0, 0, 0], change], shape: [2, 2], base: 0, own: [[:], ["weight": 1, "density": 0.5]], seed: seed
            ).result()
            let kept = zip(result, change).filter { $0.0 != 0 }
            let factor = kept.isEmpty ? 1 : 10 / kept.reduce(0) { $0 + abs($1.1) }
            for (value, original) in kept { #expect(abs(value - original * factor) < 1e-5) }
        }
    }

    @Test("A TIES merge of a model with itself and four LoRAs keeps a fifth of each LoRA")
    func dilution() throws {
        let sources = [[1.5], [1], [1], [1], [1]] as [[Float]]
        let result = try merge(.ties, sources, own: sources.map { _ in ["weight": 1] })
        #expect(abs(result[0] - 1.1) < 1e-6)
    }

    @Test("Breadcrumbs drop the greatest and the smallest")
    func breadcrumbs() throws {
        let change: [Float] = [9, 1, 2, 3, 4, 5, 6, 7, 8, 0.5]
        #expect(try merge(.breadcrumbs, [change], own: [["weight": 1, "density": 0.5, "gamma": 0.1]]) == [0, 0, 0, 0, 4, 5, 6, 7, 8, 0])
    }

    @Test("slerp by half between two unit vectors at a right angle meets them at 45 degrees")
    func slerp() throws {
        let result = try TensorMerge(.slerp, [[1, 0], [0, 1]], base: 0, shared: ["t": 0.5]).result()
        #expect(result.allSatisfy { abs($0 - 0.70710677) < 1e-6 })
    }
}
