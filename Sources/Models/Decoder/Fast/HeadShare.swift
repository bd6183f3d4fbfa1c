internal import Tensors

/// A thread's part of a layer's queries, keys and values in a step of one row: whole heads, which it makes, rotates and stores.
///
/// The heads of the three form one list, which is cut into equal parts for the threads. A cut falls on a group of 16 outputs of the packed
/// matrices; where a head is not a multiple of 16 it falls on every second, fourth… head.
struct HeadShare {
    let queries: Range<Int>
    let keys: Range<Int>
    let values: Range<Int>
    private let headDimension: Int

    init(_ shape: FastShape, thread: Int, threads: Int) {
        headDimension = shape.headDimension
        // 16 divided by the greatest power of two that divides the dimension, if that is not above 16.
        let unit = 16 / min(16, shape.headDimension & -shape.headDimension)
        let (queryUnits, keyUnits) = ((shape.heads + unit - 1) / unit, (shape.keyValueHeads + unit - 1) / unit)
        let own = WorkerPool.slice(queryUnits + 2 * keyUnits, of: thread, threads: threads)
        func heads(from start: Int, _ units: Int, _ count: Int) -> Range<Int> {
            let part = own.clamped(to: start..<start + units)
            return min((part.lowerBound - start) * unit, count)..<min((part.upperBound - start) * unit, count)
        }
        queries = heads(from: 0, queryUnits, shape.heads)
        keys = heads(from: queryUnits, keyUnits, shape.keyValueHeads)
        values = heads(from: queryUnits + keyUnits, keyUnits, shape.keyValueHeads)
    }

    /// The outputs of a projection that form some of its heads.
    func outputs(_ heads: Range<Int>) -> Range<Int> { heads.lowerBound * headDimension..<heads.upperBound * headDimension }
}
