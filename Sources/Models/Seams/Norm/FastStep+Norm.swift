internal import Tensors

/// Norms band by band, in steps where some adapter has norms of its own. Other steps do not come here.
extension FastStep {
    /// As `norm`: the band's norms where it has them, else the base's.
    func normBands(
        _ place: NormPlace, _ weight: UnsafePointer<Float>?, addingThrough outputNorm: UnsafePointer<Float>?, at outputPlace: NormPlace
    ) {
        for number in 0..<plan.bandCount {
            let band = plan.bands[number]
            let own = inputSlice.clamped(to: band.rowRange)
            let (weight, outputNorm) = (weight.map { band.norm(place) ?? $0 }, outputNorm.map { band.norm(outputPlace) ?? $0 })
            for row in own {
                if let outputNorm { addProjected(row, through: outputNorm) }
                norm(row, weight, into: row)
            }
        }
    }

    /// As `projectHeads` after its products.
    func storeBands(_ layer: Int, _ weights: FastDecoder.Layer, _ rotation: RowPlan.Rotation?) {
        for number in 0..<plan.bandCount {
            let band = plan.bands[number]
            let own = headRows.clamped(to: band.rowRange)
            let query = weights.queryNorm.map { band.norm(NormPlace(layer, .query)) ?? $0 }
            let key = weights.keyNorm.map { band.norm(NormPlace(layer, .key)) ?? $0 }
            for row in own { storeHeads(layer, row, query, key, rotation) }
        }
    }

    /// As in `head`: the rows of logits `own`, which lie in rising rows.
    func normHeadBands(_ own: Range<Int>, _ outputNorm: UnsafePointer<Float>?) {
        let (place, outputPlace) = (NormPlace.final(layers: shape.layers), NormPlace(shape.layers - 1, .feedForwardOutput))
        var number = 0
        for index in own {
            let row = Int(plan.logitsRows[index])
            while row >= plan.bands[number].rowRange.upperBound { number += 1 }
            let band = plan.bands[number]
            if let outputNorm { addProjected(row, through: band.norm(outputPlace) ?? outputNorm) }
            norm(row, band.norm(place) ?? finalNorm, into: index)
        }
    }
}
