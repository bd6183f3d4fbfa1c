import Tensors
import Testing

@Suite struct CholeskyFactorTests {
    @Test func solvesWhatItFactored() throws {
        let matrix: [Double] = [4, 0, 0, 2, 5, 0, 1, 3, 6]  // lower triangle of a symmetric one
        let full: [[Double]] = [[4, 2, 1], [2, 5, 3], [1, 3, 6]]
        let factor = try #require(CholeskyFactor(matrix, order: 3))
        let wanted: [[Double]] = [[1, -2], [0.5, 3], [-1, 4]]
        var right = full.flatMap { row in (0..<2).map { column in (0..<3).reduce(0.0) { $0 + row[$1] * wanted[$1][column] } } }
        factor.solve(&right, columns: 2)
        for (found, expected) in zip(right, wanted.flatMap { $0 }) { #expect(abs(found - expected) < 1e-12) }
        // Products of half-solved columns are products with the inverse between them.
        var half: [Double] = [1, 0, 0, 1, 0, 0]
        factor.halfSolve(&half, columns: 2)
        var unit: [Double] = [1, 0, 0]
        factor.solve(&unit, columns: 1)
        #expect(abs((0..<3).reduce(0.0) { $0 + half[2 * $1] * half[2 * $1 + 1] } - unit[1]) < 1e-12)
    }

    @Test func whatIsNotPositiveDefiniteHasNoFactor() {
        #expect(CholeskyFactor([1, 0, 2, 1], order: 2) == nil)
        #expect(CholeskyFactor([], order: 0) == nil)
    }
}
