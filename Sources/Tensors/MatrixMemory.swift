internal import Glibc

/// One block of memory for the matrices of one adapter or model, handed out piece by piece and given back whole.
///
/// Pages take memory when they are written. `@unchecked Sendable`: `take` and `part` are called by the one thread that makes
/// the adapter, or what is left of a part by the one that has it; pieces are written by whoever took them and only read after.
package final class MatrixMemory: @unchecked Sendable {
    package static let alignment = 64
    private let base: UnsafeMutableRawPointer
    private let byteCount: Int
    /// The block that this is a part of, and that gives the memory back.
    private let whole: MatrixMemory?
    private var taken = 0

    /// Bytes that a piece takes from the block.
    package static func footprint(_ byteCount: Int) -> Int { (byteCount + alignment - 1) / alignment * alignment }

    /// Room for pieces whose footprints are `byteCount` together.
    package init(byteCount: Int) {
        precondition(byteCount >= 0, "a block has no negative size")
        self.byteCount = max(Self.footprint(byteCount), Self.alignment)
        let block = mmap(nil, self.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let block, block != MAP_FAILED else { preconditionFailure("the system has memory for the matrices of a model, or of an adapter within the budget") }
        base = block
        whole = nil
        LargePages.advise(block, byteCount: self.byteCount)
    }

    private init(part base: UnsafeMutableRawPointer, of whole: MatrixMemory, byteCount: Int) {
        self.base = base
        self.whole = whole
        self.byteCount = byteCount
    }

    deinit { if whole == nil { munmap(base, byteCount) } }

    /// The next piece, 64-byte aligned, valid as long as this object lives.
    package func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let footprint = Self.footprint(byteCount)
        precondition(byteCount >= 0 && footprint <= self.byteCount - taken, "the block was made for all pieces")
        defer { taken += footprint }
        return base + taken
    }

    /// The next piece as a block of its own, so that several threads fill one block, each its part. Keeps the whole alive.
    package func part(_ byteCount: Int) -> MatrixMemory {
        MatrixMemory(part: take(byteCount), of: self, byteCount: Self.footprint(byteCount))
    }
}
