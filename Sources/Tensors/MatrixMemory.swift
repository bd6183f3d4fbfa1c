/// One block of memory for the matrices of one adapter or model. It is handed out piece by piece and given back whole.
///
/// Pages take memory when they are written. `@unchecked Sendable`: one thread at a time calls `take` and `part` of a block. The
/// thread that took a piece writes it; after that it is only read.
package final class MatrixMemory: @unchecked Sendable {
    package static let alignment = 64
    private let base: UnsafeMutableRawPointer
    private let byteCount: Int
    /// The block that this is a part of, which gives the memory back; nil: this is a whole block.
    private let whole: MatrixMemory?
    private var taken = 0

    /// Bytes that a piece takes from the block.
    package static func footprint(_ byteCount: Int) -> Int { (byteCount + alignment - 1) / alignment * alignment }

    /// Room for pieces whose footprints are `byteCount` together. Throws when the system has no memory for it.
    package init(byteCount: Int) throws(ResourceError) {
        precondition(byteCount >= 0, "a block of \(byteCount) bytes was asked for")
        self.byteCount = max(Self.footprint(byteCount), Self.alignment)
        base = try SystemMemory.map(self.byteCount, for: "matrices")
        whole = nil
        LargePages.advise(base, byteCount: self.byteCount)
    }

    private init(part base: UnsafeMutableRawPointer, of whole: MatrixMemory, byteCount: Int) {
        self.base = base
        self.whole = whole
        self.byteCount = byteCount
    }

    deinit { if whole == nil { SystemMemory.unmap(base, byteCount: byteCount) } }

    /// The next piece, 64-byte aligned, valid as long as this object lives.
    package func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let footprint = Self.footprint(byteCount)
        precondition(byteCount >= 0 && footprint <= self.byteCount - taken, "a piece of \(byteCount) bytes was asked of a block that has \(self.byteCount - taken) left")
        defer { taken += footprint }
        return base + taken
    }

    /// The next piece as a block of its own, so that several threads can fill one block. The part keeps the whole alive.
    package func part(_ byteCount: Int) -> MatrixMemory {
        MatrixMemory(part: take(byteCount), of: self, byteCount: Self.footprint(byteCount))
    }
}
