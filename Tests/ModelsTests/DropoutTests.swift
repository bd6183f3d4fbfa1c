import Models
import Testing

@Suite struct DropoutTests {
    private func make(_ probability: Double, seed: UInt64 = 1) throws -> Dropout {
        try #require(Dropout(probability: probability, seed: seed))
    }

    private func mask(_ dropout: Dropout, step: Int, row: Int, linear: Int) -> Dropout.RowMask { dropout.row(step: step, row: row).mask(linear: linear) }

    private func factors(_ mask: Dropout.RowMask, _ count: Int) -> [Float] {
        var result = [Float](repeating: -1, count: count)
        mask.multiply([Float](repeating: 1, count: count), into: &result, count)
        return result
    }

    @Test func theSamePlaceHasTheSameMaskAndAnyOtherAnother() throws {
        let expected = factors(mask(try make(0.5), step: 3, row: 4, linear: 5), 128)
        #expect(factors(mask(try make(0.5), step: 3, row: 4, linear: 5), 128) == expected)
        let others = [
            mask(try make(0.5, seed: 2), step: 3, row: 4, linear: 5), mask(try make(0.5), step: 4, row: 4, linear: 5),
            mask(try make(0.5), step: 3, row: 5, linear: 5), mask(try make(0.5), step: 3, row: 4, linear: 6),
            // Numbers that change places are another place.
            mask(try make(0.5), step: 4, row: 3, linear: 5),
        ]
        let masks = others.map { factors($0, 128) }
        #expect(!masks.contains(expected))
        #expect(Set(masks).count == masks.count)
    }

    @Test(arguments: [0.05, 0.1, 0.5, 0.9]) func theShareOfDroppedColumnsIsTheProbability(probability: Double) throws {
        let dropout = try make(probability)
        var dropped = 0
        for row in 0..<200 {
            dropped += factors(mask(dropout, step: 1, row: row, linear: 2), 1000).reduce(0) { $0 + ($1 == 0 ? 1 : 0) }
        }
        // Five standard deviations of a binomial of 200,000.
        let deviation = (200_000 * probability * (1 - probability)).squareRoot()
        #expect(abs(Double(dropped) - 200_000 * probability) < 5 * deviation)
    }

    @Test func columnsOfARowAreIndependentOfEachOther() throws {
        let dropout = try make(0.5)
        var same = [Int](repeating: 0, count: 8)
        for row in 0..<4000 {
            let mask = factors(mask(dropout, step: 0, row: row, linear: 0), 9)
            for distance in 1...8 where mask[0] == mask[distance] { same[distance - 1] += 1 }
        }
        #expect(same.allSatisfy { abs($0 - 2000) < 160 })
    }

    @Test func theScaleKeepsTheMean() throws {
        let dropout = try make(0.1)
        // 0.1 is rounded to 6554 / 65536.
        #expect(dropout.scale == Float(65536.0 / (65536 - 6554)))
        #expect(try make(0.5).scale == 2)
    }

    @Test(arguments: [1, 3, 4, 5, 31]) func bothProductsUseTheMaskOfEachColumn(count: Int) throws {
        let mask = mask(try make(0.4), step: 1, row: 2, linear: 3)
        let input = (0..<count).map { Float($0 + 1) }
        var product = [Float](repeating: .nan, count: count)
        mask.multiply(input, into: &product, count)
        #expect(product == input.indices.map { input[$0] * mask.factor($0) })
        var sum = [Float](repeating: 10, count: count)
        mask.addMultiplied(input, to: &sum, count)
        #expect(sum == product.map { 10 + $0 })
    }

    @Test func nothingToDropIsNoDropout() {
        #expect(Dropout(probability: 0, seed: 1) == nil)
    }

    /// The masks are part of what a checkpoint promises: a change of the hash changes resumed runs.
    @Test func theMaskOfAPlaceNeverChanges() throws {
        let mask = factors(mask(try make(0.5, seed: 42), step: 10, row: 20, linear: 30), 16)
        #expect(mask.map { $0 == 0 ? 0 : 1 } == Self.stored)
    }

    private static let stored = [0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1]
}
