internal import CKernels

extension Kernels {
    /// `distances[r]` is the number of bits in which the query and row r differ. `query`: `[words]`, `rows`: `[count, words]`.
    public static func hamming(
        _ query: UnsafePointer<UInt64>, _ rows: UnsafePointer<UInt64>, count: Int, words: Int, into distances: UnsafeMutablePointer<UInt16>
    ) {
        precondition((0...1023).contains(words), "sketches of \(words) words, at most 1023 are possible")
        table.pointee.nearest.hamming(query, rows, count, words, distances)
    }

    /// The sum of `a[i] * b[i]`, exact. `count` is at most 65,536.
    public static func dot(_ a: UnsafePointer<Int8>, _ b: UnsafePointer<Int8>, count: Int) -> Int32 {
        precondition((0...1 << 16).contains(count), "vectors of \(count) elements, at most 65,536 are possible")
        return table.pointee.nearest.dot(a, b, count)
    }
}
