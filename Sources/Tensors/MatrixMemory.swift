internal import Glibc

/// One block of memory for the matrices of one adapter, handed out piece by piece and given back whole.
///
/// Pages take memory when they are written. `@unchecked Sendable`: `take` is called by the one thread that makes the
/// adapter, before it is shared; pieces are written by whoever took them and only read after.
package final class MatrixMemory: @unchecked Sendable {
    package static let alignment = 64
    private let base: UnsafeMutableRawPointer
    private let mappedBytes: Int
    private var taken = 0

    /// Bytes that a piece takes from the block.
    package static func footprint(_ byteCount: Int) -> Int { (byteCount + alignment - 1) / alignment * alignment }

    /// Room for pieces whose footprints are `byteCount` together.
    package init(byteCount: Int) {
        precondition(byteCount >= 0, "a block has no negative size")
        mappedBytes = max(Self.footprint(byteCount), Self.alignment)
        let block = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let block, block != MAP_FAILED else { preconditionFailure("the system has memory for an adapter within the budget") }
        base = block
        LargePages.advise(block, byteCount: mappedBytes)
    }

    deinit { munmap(base, mappedBytes) }

    /// The next piece, 64-byte aligned, valid as long as this object lives.
    package func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
        let footprint = Self.footprint(byteCount)
        precondition(byteCount >= 0 && footprint <= mappedBytes - taken, "the block was made for all pieces")
        defer { taken += footprint }
        return base + taken
    }
}
