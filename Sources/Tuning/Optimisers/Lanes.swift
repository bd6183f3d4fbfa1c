/// Weights that an optimiser works on at once. Each lane's result is that of the scalar formula.
typealias Lanes = SIMD8<Float>

extension SIMD8<Float> {
    @inline(__always)
    init(_ values: UnsafePointer<Float>) {
        self = UnsafeRawPointer(values).loadUnaligned(as: SIMD8<Float>.self)
    }

    @inline(__always)
    init(_ values: UnsafeMutablePointer<Float>) {
        self = UnsafeRawPointer(values).loadUnaligned(as: SIMD8<Float>.self)
    }

    @inline(__always)
    func store(_ values: UnsafeMutablePointer<Float>) {
        UnsafeMutableRawPointer(values).storeBytes(of: self, as: SIMD8<Float>.self)
    }
}
