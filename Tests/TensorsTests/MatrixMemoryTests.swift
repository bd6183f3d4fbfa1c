import Testing

@testable import Tensors

@Suite struct MatrixMemoryTests {
    @Test func piecesAreAlignedApartAndFillTheBlock() {
        let sizes = [1, 64, 65, 0, 3 << 20, 7]
        let memory = MatrixMemory(byteCount: sizes.reduce(0) { $0 + MatrixMemory.footprint($1) })
        let pieces = sizes.map { UnsafeMutableRawBufferPointer(start: memory.take($0), count: $0) }
        for (index, piece) in pieces.enumerated() { piece.initializeMemory(as: UInt8.self, repeating: UInt8(index + 1)) }
        for (index, piece) in pieces.enumerated() {
            #expect(Int(bitPattern: piece.baseAddress) % MatrixMemory.alignment == 0)
            #expect(piece.allSatisfy { $0 == UInt8(index + 1) }, "no other piece wrote here")
        }
    }

    @Test func anEmptyBlockGivesEmptyPieces() {
        let memory = MatrixMemory(byteCount: 0)
        #expect(Int(bitPattern: memory.take(0)) % MatrixMemory.alignment == 0)
    }
}
