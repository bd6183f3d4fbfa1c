internal import CKernels

extension Kernels {
    /// The products whose greatest speed can be measured.
    public enum Peak: Sendable, CaseIterable {
        /// Sums of int8 products in int32, as in `PackedMatrix.multiply`.
        case int8
        case f32
    }

    /// Runs the fastest loop of a kind of product on this thread and returns its number of multiply-adds. A thousand rounds
    /// take some tens of microseconds.
    public static func run(_ peak: Peak, rounds: Int) -> Int {
        precondition((0...1_000_000).contains(rounds), "\(rounds) rounds were asked for, expected at most a million")
        return switch peak {
        case .int8: table.pointee.peak.int8(rounds)
        case .f32: table.pointee.peak.f32(rounds)
        }
    }
}
