/// One tensor of one source, read in f32 some rows at a time.
///
/// Rows are those of `TensorView`: all dimensions but the last together; a vector is one row. A merge reads the same rows once a pass,
/// from several threads.
public protocol TensorReader: Sendable {
    /// Writes `[rows.count, columns]`, row-major. Errors: those of the source; `nonFinite`.
    func read(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) throws(MergeError)
}
