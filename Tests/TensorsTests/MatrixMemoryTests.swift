import Testing

@testable import Tensors

@Suite struct MatrixMemoryTests {
    @Test func piecesAreAlignedApartAndFillTheBlock() throws {
        let sizes = [1, 64, 65, 0, 3 << 20, 7]
        let memory = try MatrixMemory(byteCount: sizes.reduce(0) { $0 + MatrixMemory.footprint($1) })
        let pieces = sizes.map { UnsafeMutableRawBufferPointer(start: memory.take($0), count: $0) }
        for (index, piece) in pieces.enumerated() { piece.initializeMemory(as: UInt8.self, repeating: UInt8(index + 1)) }
        for (index, piece) in pieces.enumerated() {
            #expect(Int(bitPattern: piece.baseAddress) % MatrixMemory.alignment == 0)
            #expect(piece.allSatisfy { $0 == UInt8(index + 1) }, "no other piece wrote here")
        }
    }

    @Test func anEmptyBlockGivesEmptyPieces() throws {
        let memory = try MatrixMemory(byteCount: 0)
        #expect(Int(bitPattern: memory.take(0)) % MatrixMemory.alignment == 0)
    }

    @Test func partsLieInTheirOrderAndKeepTheBlock() throws {
        let sizes = [100, 64, 3 << 20]
        var parts: [MatrixMemory] = []
        do {
            let memory = try MatrixMemory(byteCount: sizes.reduce(0) { $0 + MatrixMemory.footprint($1) })
            parts = sizes.map { memory.part($0) }
        }
        // Filled last to first, as threads may.
        let pieces = zip(parts, sizes).map { UnsafeMutableRawBufferPointer(start: $0.take($1), count: $1) }
        for (index, piece) in pieces.enumerated().reversed() { piece.initializeMemory(as: UInt8.self, repeating: UInt8(index + 1)) }
        for (index, piece) in pieces.enumerated() { #expect(piece.allSatisfy { $0 == UInt8(index + 1) }) }
        let addresses = pieces.map { Int(bitPattern: $0.baseAddress) }
        #expect(addresses == addresses.sorted())
    }
}
