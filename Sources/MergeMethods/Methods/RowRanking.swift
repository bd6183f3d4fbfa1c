/// Sorts the magnitudes of a row; memory of one thread.
final class RowRanking {
    private let columns: Int
    /// Magnitudes' bits and their columns, twice: a pass of the sort moves them from the one half to the other.
    private let memory: UnsafeMutablePointer<UInt32>
    private let starts: UnsafeMutablePointer<Int>

    private static let digitBits = 11
    private static let digits = 1 << digitBits

    init(columns: Int) {
        self.columns = columns
        memory = .allocate(capacity: max(1, 4 * columns))
        starts = .allocate(capacity: Self.digits)
    }

    deinit {
        memory.deallocate()
        starts.deallocate()
    }

    /// Multiplies elements by 0 at random. Those with the smallest magnitude are kept with the probability `density - epsilon`, those with the
    /// greatest with `density + epsilon`, by rank in between.
    func prune(_ row: UnsafeMutablePointer<Float>, first: Int, density: Double, epsilon: Double, key: RandomKey) {
        let order = sort(row)
        let (least, spread, last) = (Float(density - epsilon), Float(epsilon), Float(columns - 1))
        for rank in 0..<columns {
            let column = Int(order[rank])
            let probability = least + Float(rank) / last * 2 * spread
            if key.number(first + column) >= Double(probability) { row[column] *= 0 }
        }
    }

    /// The columns from the smallest magnitude to the greatest, equal ones in order (radix sort in three digits).
    private func sort(_ row: UnsafePointer<Float>) -> UnsafePointer<UInt32> {
        var (keys, places) = (memory, memory + columns)
        var (sortedKeys, sortedPlaces) = (memory + 2 * columns, memory + 3 * columns)
        for column in 0..<columns {
            keys[column] = row[column].bitPattern & 0x7fff_ffff
            places[column] = UInt32(column)
        }
        for pass in 0..<3 {
            let shift = UInt32(pass * Self.digitBits)
            let mask = UInt32(Self.digits - 1)
            starts.initialize(repeating: 0, count: Self.digits)
            for index in 0..<columns { starts[Int(keys[index] >> shift & mask)] += 1 }
            var start = 0
            for digit in 0..<Self.digits { (starts[digit], start) = (start, start + starts[digit]) }
            for index in 0..<columns {
                let digit = Int(keys[index] >> shift & mask)
                sortedKeys[starts[digit]] = keys[index]
                sortedPlaces[starts[digit]] = places[index]
                starts[digit] += 1
            }
            swap(&keys, &sortedKeys)
            swap(&places, &sortedPlaces)
        }
        return UnsafePointer(places)
    }
}
