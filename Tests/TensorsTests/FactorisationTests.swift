import Tensors
import Testing

@Suite("Factorisations of matrices")
struct FactorisationTests {
    private static func random(_ count: Int, seed: UInt64) -> [Double] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 11) * 0x1p-53 - 0.5
        }
    }

    private static func transposed(_ x: [Double], _ rows: Int, _ columns: Int) -> [Double] {
        (0..<columns).flatMap { column in (0..<rows).map { x[$0 * columns + column] } }
    }

    private static func difference(_ one: [Double], _ other: [Double]) -> Double {
        one.count == other.count ? zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
    }

    private static func identity(_ order: Int) -> [Double] { (0..<order * order).map { $0 % (order + 1) == 0 ? 1 : 0 } }

    @Test("a basis is orthonormal, and its coordinates give the vectors back", arguments: [(1, 1), (1, 9), (3, 17), (8, 8), (20, 6), (5, 300)])
    func basis(count: Int, length: Int) throws {
        let vectors = Self.random(count * length, seed: UInt64(count * 1000 + length))
        let found = try OrthogonalBasis(vectors, count: count, length: length)
        #expect(found.rank == min(count, length))
        let gram = BLAS.product(
            found.basis, Self.transposed(found.basis, found.rank, length), rows: found.rank, inner: length, columns: found.rank)
        #expect(Self.difference(gram, Self.identity(found.rank)) < 1e-13)
        let back = BLAS.product(found.coordinates, found.basis, rows: count, inner: found.rank, columns: length)
        #expect(Self.difference(back, vectors) < 1e-13)
    }

    @Test("singular values fall, and the parts give the matrix back", arguments: [(1, 1), (1, 7), (7, 1), (5, 12), (12, 5), (33, 33)])
    func singularValues(rows: Int, columns: Int) throws {
        let matrix = Self.random(rows * columns, seed: UInt64(rows * 1000 + columns))
        let found = try SingularValues(matrix, rows: rows, columns: columns)
        let count = min(rows, columns)
        #expect(found.values.count == count && found.values == found.values.sorted(by: >) && (found.values.last ?? -1) >= 0)
        let scaled = found.left.indices.map { found.left[$0] * found.values[$0 % count] }
        #expect(Self.difference(BLAS.product(scaled, found.right, rows: rows, inner: count, columns: columns), matrix) < 1e-13)
        let gram = BLAS.product(found.right, Self.transposed(found.right, count, columns), rows: count, inner: columns, columns: count)
        #expect(Self.difference(gram, Self.identity(count)) < 1e-13)
    }

    @Test("vectors that depend on each other have a basis all the same")
    func dependent() throws {
        let found = try OrthogonalBasis([1, 2, 3, 2, 4, 6, 0, 0, 0], count: 3, length: 3)
        let back = BLAS.product(found.coordinates, found.basis, rows: 3, inner: 3, columns: 3)
        #expect(Self.difference(back, [1, 2, 3, 2, 4, 6, 0, 0, 0]) < 1e-14)
        #expect(try SingularValues([0, 0, 0, 0], rows: 2, columns: 2).values == [0, 0])
    }

    @Test("matrices without elements are refused")
    func empty() {
        #expect(throws: FactorisationError.self) { try OrthogonalBasis([], count: 0, length: 4) }
        #expect(throws: FactorisationError.self) { try SingularValues([], rows: 4, columns: 0) }
    }

    @Test("products of plain matrices")
    func product() {
        let (x, w): ([Float], [Float]) = ([1, 2, 3, 4, 5, 6], [1, 0, 2, 0, 1, -1])
        var y = [Float](repeating: 9, count: 4)
        BLAS.product(x, w, into: &y, rows: 2, inner: 3, columns: 2)
        #expect(y == [8, -3, 20, -6])
    }
}
