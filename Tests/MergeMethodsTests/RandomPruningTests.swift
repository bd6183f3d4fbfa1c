import Testing

@testable import MergeMethods

@Suite("Random pruning")
struct RandomPruningTests {
    static let rows = 200
    static let columns = 500

    /// A base of zeros, and as many changes of it.
    private func merge(_ method: MergeMethod, changes: Int = 1, own: MergeValues, shared: MergeValues = [:], seed: UInt64 = 1) -> TensorMerge {
        var numbers = Numbers(11)
        let count = Self.rows * Self.columns
        let sources = [[Float](repeating: 0, count: count)] + (0..<changes).map { _ in (0..<count).map { _ in numbers.unit() + 1.5 } }
        return TensorMerge(
            method, sources, shape: [Self.rows, Self.columns], base: 0, own: [[:]] + (0..<changes).map { _ in own }, shared: shared, seed: seed)
    }

    @Test("DARE keeps its share of the elements, and their sum stays what it was", arguments: [0.1, 0.5, 0.9])
    func dare(_ density: Double) throws {
        let merge = merge(.dareLinear, own: ["weight": 1, "density": density])
        let result = try merge.result()
        let count = Double(result.count)
        let kept = Double(result.count { $0 != 0 })
        // Five standard deviations.
        #expect(abs(kept - density * count) < 5 * (count * density * (1 - density)).squareRoot())
        let sum = result.reduce(0.0) { $0 + Double($1) }
        let reader = try #require(merge.terms[1].reader as? ArrayReader)
        let expected = reader.values.reduce(0.0) { $0 + Double($1) }
        #expect(abs(sum - expected) < 1e-5 * expected)
    }

    @Test("DELLA keeps the greater elements of a row more probably, by rank")
    func della() throws {
        let result = try merge(.dellaLinear, own: ["weight": 1, "density": 0.5, "epsilon": 0.3], shared: ["rescale": 0]).result()
        let reader = try #require(merge(.dellaLinear, own: [:]).terms[1].reader as? ArrayReader)
        // Fifths of the ranks: probabilities 0.2 to 0.8.
        var kept = [Double](repeating: 0, count: 5)
        for row in 0..<Self.rows {
            let places = (row * Self.columns..<(row + 1) * Self.columns).sorted { reader.values[$0] < reader.values[$1] }
            for (rank, place) in places.enumerated() where result[place] != 0 { kept[rank * 5 / Self.columns] += 1 }
        }
        let each = Double(Self.rows * Self.columns / 5)
        for (fifth, count) in kept.enumerated() {
            let expected = 0.2 + 0.6 * (Double(fifth) + 0.5) / 5
            #expect(abs(count / each - expected) < 5 * (0.25 / each).squareRoot(), "fifth \(fifth)")
        }
    }

    @Test("The same seed gives the same bits, another one other bits", arguments: [MergeMethod.dareTies, .della])
    func seeds(_ method: MergeMethod) throws {
        let one = try merge(method, own: ["weight": 1, "density": 0.5], seed: 5).result()
        #expect(bits(try merge(method, own: ["weight": 1, "density": 0.5], seed: 5).result()) == bits(one))
        #expect(bits(try merge(method, own: ["weight": 1, "density": 0.5], seed: 6).result()) != bits(one))
    }

    @Test("Sources, and tensors of different names, have choices of their own")
    func independence() throws {
        #expect(TensorMerge.seed(1, tensor: "a") != TensorMerge.seed(1, tensor: "b"))
        #expect(TensorMerge.seed(1, tensor: "a") != TensorMerge.seed(2, tensor: "a"))
        let keys = (0..<3).map { RandomKey(seed: 9, source: $0) }
        // Of two sources that each keep half, a quarter is kept by both, at the same place and at shifted ones.
        let count = 20_000
        for (one, two) in [(0, 1), (0, 2), (1, 2)] {
            for shift in -2...2 {
                let both = (10..<count + 10).count { place in keys[one].number(place) < 0.5 && keys[two].number(place + shift) < 0.5 }
                #expect(abs(Double(both) - Double(count) / 4) < 5 * (Double(count) * 3 / 16).squareRoot(), "sources \(one), \(two), shift \(shift)")
            }
        }
    }
}
