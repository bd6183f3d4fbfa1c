import Testing

@testable import MergeMethods

@Suite("Merges in blocks")
struct InvarianceTests {
    static let shared: [MergeMethod: [MergeValues]] = [
        .slerp: [["t": 0.3]], .nearswap: [["t": 0.02]], .sce: [[:], ["select_topk": 0.3]],
        .nuslerp: [[:], ["nuslerp_flatten": 0], ["nuslerp_flatten": 0, "nuslerp_row_wise": 1]], .modelStock: [[:], ["filter_wise": 1]],
        .ties: [[:], ["rescale": 1]],
    ]

    /// Sources of a few sizes of change, so that thresholds cut through equals.
    static func merges(_ method: MergeMethod, shape: [Int]) -> [TensorMerge] {
        let count = shape.reduce(1, *)
        var numbers = Numbers(7)
        func values() -> [Float] { (0..<count).map { _ in Float(Int(numbers.next() % 17) - 8) / 8 } }
        let base: Int? = method.base == .ignored ? nil : 0
        let most = min(method.sourceCount.upperBound, method.changeCount.upperBound < .max ? method.changeCount.upperBound + 1 : .max)
        let sources = (0..<min(4, most)).map { _ in values() }
        let own: [MergeValues] = sources.indices.map { index in
            var own = MergeValues()
            for parameter in method.parameters where parameter.scope == .source || (parameter.scope == .change && index != base) {
                switch parameter.name {
                case "weight": own["weight"] = [0.5, 0.7, -0.3, 1][index]
                case "density": own["density"] = 0.4
                case "epsilon": own["epsilon"] = 0.2
                case "gamma": own["gamma"] = 0.1
                default: break
                }
            }
            return own
        }
        return (shared[method] ?? [[:]]).map { TensorMerge(method, sources, shape: shape, base: base, own: own, shared: $0, seed: 3) }
    }

    @Test("Blocks of one row and of all rows, one thread and three give the same bits", arguments: MergeMethod.allCases)
    func blocks(_ method: MergeMethod) throws {
        for shape in [[24, 20], [6, 5, 4], [37], [31, 1], [1, 50]] {
            if shape.last == 1, [.della, .dellaLinear].contains(method) { continue }
            for var merge in Self.merges(method, shape: shape) {
                merge.granularity = .init(block: 1, segment: 1 << 20)
                let byRow = bits(try merge.result())
                merge.granularity = .init(block: 1 << 20, segment: 1 << 20)
                #expect(bits(try merge.result(threads: 3)) == byRow, "\(shape): all rows in one block")
                // Several segments, with blocks of several rows.
                merge.granularity = .init(block: 1, segment: 45, segments: 256)
                let bySegments = bits(try merge.result())
                merge.granularity = .init(block: 41, segment: 45, segments: 256)
                #expect(bits(try merge.result(threads: 3)) == bySegments, "\(shape): segments on three threads")
                if MergekitTests.isElementwise(merge) { #expect(bySegments == byRow, "\(shape): thresholds over segments") }
            }
        }
    }

    @Test("A tensor has at most as many segments as its bound, and they hold each row once")
    func layout() {
        for (rows, columns) in [(1, 1), (7, 3), (1000, 10), (152_000, 896), (1, 1 << 20), (40_000_000, 1)] {
            let layout = MergeLayout(rows: rows, columns: columns, .init())
            #expect(layout.segments <= 256)
            #expect(layout.blockRows <= layout.segmentRows)
            #expect((0..<layout.segments).reduce(0) { $0 + layout.rows(of: $1).count } == rows)
            #expect(layout.rows(of: layout.segments - 1).upperBound == rows)
        }
    }

    @Test("Along the first dimension, slabs of some columns give the bits of one slab")
    func slabs() throws {
        // 70 rows of 1,000 columns are more figures than are kept at once.
        let shape = [3, 70, 1000]
        let merge = Self.merges(.nuslerp, shape: shape)[2]
        let result = try merge.result(threads: 2)
        // The same vectors as the columns of a matrix.
        var matrix = merge
        matrix.shape = [3, 70_000]
        for index in matrix.terms.indices {
            guard let reader = matrix.terms[index].reader as? ArrayReader else { continue }
            matrix.terms[index].reader = ArrayReader(values: reader.values, columns: 70_000)
        }
        #expect(bits(result) == bits(try matrix.result()))
    }
}

/// Pseudo-random words (SplitMix64).
struct Numbers {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        defer { state &+= 0x9e37_79b9_7f4a_7c15 }
        return RandomKey.mixed(state)
    }

    /// In -1..<1.
    mutating func unit() -> Float { Float(next() >> 40) * 0x1p-23 - 1 }
}
