/// Updates of the base's experts, as in their formula.
extension ReferenceDecoder {
    /// `logits += s B (A n)` of all rows.
    func adaptRouters(_ layout: ExpertLayout, _ layer: Int, into logits: UnsafeMutablePointer<Float>) {
        for index in 0..<plan.bandCount {
            let band = plan.bands[index]
            guard let patch = band.experts?.router(layer) else { continue }
            add(
                patch.pointee, normed.pointer + band.firstRow * configuration.hidden, inputs: configuration.hidden, rows: band.rows,
                to: logits + band.firstRow * layout.count, outputs: layout.count)
        }
    }

    /// `y += s B (A x)` of one part of an expert: x and y have a row for each of `rows`, which rise.
    func adaptExpert(
        _ layer: Int, _ expert: Int, _ part: Int, rows: [Int], _ x: UnsafePointer<Float>, inputs: Int, into y: UnsafeMutablePointer<Float>,
        outputs: Int
    ) {
        for index in 0..<plan.bandCount {
            let band = plan.bands[index]
            guard let patch = band.experts?.patch(layer, expert, part), let first = rows.firstIndex(where: band.rowRange.contains) else { continue }
            let count = rows[first...].prefix(while: band.rowRange.contains).count
            add(patch.pointee, x + first * inputs, inputs: inputs, rows: count, to: y + first * outputs, outputs: outputs)
        }
    }
}
