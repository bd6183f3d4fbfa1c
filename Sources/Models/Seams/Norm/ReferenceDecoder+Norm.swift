internal import Tensors

extension ReferenceDecoder {
    /// Calls `body` for each row with the factors of its norm: its adapter's, or the base's.
    func forEachNorm(_ place: NormPlace, _ base: FloatBuffer, _ body: (_ row: Int, _ factors: UnsafePointer<Float>) -> Void) {
        for index in 0..<plan.bandCount {
            let factors = plan.bands[index].norm(place) ?? UnsafePointer(base.pointer)
            for row in plan.bands[index].rowRange { body(row, factors) }
        }
    }

    /// The factors of one row's norm.
    func norm(_ place: NormPlace, _ base: FloatBuffer, of row: Int) -> UnsafePointer<Float> {
        let band = (0..<plan.bandCount).first { plan.bands[$0].rowRange.contains(row) }
        return band.flatMap { plan.bands[$0].norm(place) } ?? UnsafePointer(base.pointer)
    }
}
