internal import Glibc

/// Fewer and larger pages for memory that is about to be filled: page faults of small pages take most of the time of filling
/// megabytes.
public enum LargePages {
    /// Of x86-64 and, with pages of 4 KB, of arm64.
    public static let byteCount = 2 << 20

    /// A hint, for whole large pages in the range only, so memory that is filled from the start on grows by less than one of them. The
    /// start is that of a page.
    public static func advise(_ start: UnsafeMutableRawPointer, byteCount count: Int) {
        let whole = count / byteCount * byteCount
        if whole > 0 { _ = madvise(start, whole, MADV_HUGEPAGE) }
    }
}
