internal import Tensors

/// Selects the best few of `side * side` addresses for a vector, without scoring all of them (Lample et al. 2019, "Large memory
/// layers with product keys").
///
/// The query `W v` has two halves; each is compared with `side` keys of its own. The score of address `i * side + j` is the sum of
/// the scores of key i of the first half and key j of the second, so that the best few sums come from the best few of each half.
struct ProductKeys: Sendable {
    /// `[width, dimension]`
    private let query: FloatBuffer
    /// `[2, side, width / 2]`
    private let keys: FloatBuffer
    let dimension: Int
    private let width: Int
    private let side: Int

    init(query: TensorView, keys: TensorView) {
        (self.query, self.keys) = (FloatBuffer(query.floats()), FloatBuffer(keys.floats()))
        (width, dimension, side) = (query.shape[0], query.shape[1], keys.shape[1])
    }

    var byteCount: Int { 4 * (query.count + keys.count) }

    /// The addresses, the best first, equal ones in rising order, and their shares: `count` times the softmax of their scores.
    func select(_ vector: [Float], _ count: Int) -> (slots: [Int32], shares: [Float]) {
        let projected = FloatBuffer(count: width)
        vector.withUnsafeBufferPointer { vector in
            guard let start = vector.baseAddress else { return }
            for row in 0..<width { projected.pointer[row] = Kernels.dot(query.pointer + row * dimension, start, count: dimension) }
        }
        let (first, second) = (best(0, projected, count), best(1, projected, count))
        var sums = first.flatMap { i in second.map { j in (slot: i.key * side + j.key, score: i.score + j.score) } }
        sums.sort { $0.score != $1.score ? $0.score > $1.score : $0.slot < $1.slot }
        let chosen = sums.prefix(count)
        let shares = FloatBuffer(chosen.map(\.score))
        Kernels.softmax(shares.pointer, count: chosen.count)
        return (chosen.map { Int32($0.slot) }, (0..<chosen.count).map { shares.pointer[$0] * Float(chosen.count) })
    }

    private func best(_ half: Int, _ query: FloatBuffer, _ count: Int) -> [(key: Int, score: Float)] {
        let part = width / 2
        let table = keys.pointer + half * side * part
        var scores = (0..<side).map { (key: $0, score: Kernels.dot(query.pointer + half * part, table + $0 * part, count: part)) }
        scores.sort { $0.score != $1.score ? $0.score > $1.score : $0.key < $1.key }
        return Array(scores.prefix(count))
    }
}
