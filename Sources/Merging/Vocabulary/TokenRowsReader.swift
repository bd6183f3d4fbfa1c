internal import MergeMethods
internal import Synchronization
internal import Tensors

/// The embedding or head of one source with its rows where the merged vocabulary has them.
final class TokenRowsReader: TensorReader {
    private let source: Int
    private let tensors: [any TensorReader]
    private let columns: Int
    private let choices: [TokenRows.Choice]
    /// `[columns]`, made when it is first asked for.
    private let padding = Mutex<[Float]?>(nil)

    /// - Parameters:
    ///   - source: whose rows these are.
    ///   - tensors: of all sources, by their number in `rows`.
    init(_ source: Int, of tensors: [any TensorReader], columns: Int, rows: TokenRows) {
        self.source = source
        self.tensors = tensors
        self.columns = columns
        choices = rows.rows[source]
    }

    func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(MergeError) {
        var row = rows.lowerBound
        while row < rows.upperBound {
            let place = target + (row - rows.lowerBound) * columns
            if let run = ownRun(row..<rows.upperBound) {
                try tensors[source].read(run, into: place)
                row += run.count
            } else {
                if case .fill(let fill) = choices[row] { try write(fill, into: place) }
                row += 1
            }
        }
    }

    /// The longest run of consecutive rows of the source's own from the first row on; nil: that row is filled.
    private func ownRun(_ rows: Range<Int>) -> Range<Int>? {
        guard case .own(let first) = choices[rows.lowerBound] else { return nil }
        var count = 1
        while rows.lowerBound + count < rows.upperBound, case .own(first + count) = choices[rows.lowerBound + count] { count += 1 }
        return first..<first + count
    }

    private func write(_ fill: TokenRows.Fill, into target: UnsafeMutablePointer<Float>) throws(MergeError) {
        switch fill {
        case .zero: target.update(repeating: 0, count: columns)
        case .row(let source, let row): try tensors[source].read(row..<row + 1, into: target)
        case .mean(let places): try writeMean(places.map { ($0.source, $0.row) }, into: target)
        case .padding:
            let mean = try meanOfTokens()
            target.update(from: mean, count: columns)
        }
    }

    private func writeMean(_ places: [(source: Int, row: Int)], into target: UnsafeMutablePointer<Float>) throws(MergeError) {
        let row = FloatBuffer(count: columns)
        target.update(repeating: 0, count: columns)
        for place in places {
            try tensors[place.source].read(place.row..<place.row + 1, into: row.pointer)
            for column in 0..<columns { target[column] += row.pointer[column] }
        }
        for column in 0..<columns { target[column] /= Float(places.count) }
    }

    /// Of all rows but padding. Two threads may both compute it; both get the same.
    private func meanOfTokens() throws(MergeError) -> [Float] {
        if let known = padding.withLock({ $0 }) { return known }
        var sum = [Double](repeating: 0, count: columns)
        let row = FloatBuffer(count: columns)
        var count = 0
        for (index, choice) in choices.enumerated() {
            if case .fill(.padding) = choice { continue }
            try read(index..<index + 1, into: row.pointer)
            for column in 0..<columns { sum[column] += Double(row.pointer[column]) }
            count += 1
        }
        let mean = sum.map { Float($0 / Double(max(count, 1))) }
        padding.withLock { $0 = mean }
        return mean
    }
}
