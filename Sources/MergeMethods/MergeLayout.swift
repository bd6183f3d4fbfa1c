/// How the rows of a tensor are read: in segments, each by one thread from its first row to its last, a block of whole rows at a time.
///
/// The shape alone decides where segments begin, so that sums of each segment, added in order, are the same for any number of threads.
struct MergeLayout {
    struct Granularity: Sendable, Equatable {
        /// Elements of a block and of a segment, about: both are whole rows, at least one.
        var block = 1 << 17
        var segment = 1 << 18
        /// A tensor has at most so many segments: what is kept for each has a bound.
        var segments = 256
    }

    let rows: Int
    let columns: Int
    let segmentRows: Int
    let blockRows: Int

    init(shape: [Int], _ granularity: Granularity) {
        self.init(rows: shape.dropLast().reduce(1, *), columns: shape.last ?? 1, granularity)
    }

    init(rows: Int, columns: Int, _ granularity: Granularity) {
        self.rows = rows
        self.columns = columns
        segmentRows = max(1, granularity.segment / columns, (rows + granularity.segments - 1) / granularity.segments)
        blockRows = min(max(1, granularity.block / columns), segmentRows)
    }

    var elements: Int { rows * columns }
    var blockElements: Int { min(blockRows, rows) * columns }
    var segments: Int { (rows + segmentRows - 1) / segmentRows }

    func rows(of segment: Int) -> Range<Int> { segment * segmentRows..<min(rows, (segment + 1) * segmentRows) }
}
