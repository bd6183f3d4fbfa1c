internal import Tensors

/// The inner products of a few vectors: all that geometry needs of them.
struct GramMatrix {
    let count: Int
    private var products: [Double]

    init(count: Int, _ product: (Int, Int) -> Double) {
        self.count = count
        products = [Double](repeating: 0, count: count * count)
        for (one, two) in Self.pairs(count) {
            let value = product(one, two)
            products[one * count + two] = value
            products[two * count + one] = value
        }
    }

    subscript(one: Int, two: Int) -> Double { products[one * count + two] }

    func norm(_ index: Int) -> Double { self[index, index].squareRoot() }

    /// The product of two sums of the vectors, each with a factor for each vector.
    func product(_ one: [Double], _ two: [Double]) -> Double {
        var sum = 0.0
        for row in 0..<count { for column in 0..<count { sum += one[row] * two[column] * self[row, column] } }
        return sum
    }

    /// Each pair once, `one <= two`.
    static func pairs(_ count: Int) -> [(Int, Int)] { (0..<count).flatMap { one in (one..<count).map { (one, $0) } } }

    /// Adds the products of a block's vectors, `buffers[0..<count]`.
    static func add(_ block: MergeBlock, count: Int, to sums: SegmentSums) {
        sums.add(block) { lanes in
            for (figure, (one, two)) in pairs(count).enumerated() {
                Kernels.addDots(block.buffers[one], block.buffers[two], first: block.first, count: block.count, to: lanes(figure))
            }
        }
    }

    /// Of the vectors that `read` puts into `buffers[0..<count]` of each block.
    init(count: Int, buffers: Int, pass: MergePass, read: (MergeBlock) throws(MergeError) -> Void) throws(MergeError) {
        let pairs = Self.pairs(count)
        let sums = SegmentSums(figures: pairs.count, pass: pass)
        try pass.run(buffers: buffers) { block throws(MergeError) in
            try read(block)
            Self.add(block, count: count, to: sums)
        }
        var figures = (0..<pairs.count).map(sums.total).makeIterator()
        self.init(count: count) { _, _ in figures.next() ?? 0 }
    }
}
