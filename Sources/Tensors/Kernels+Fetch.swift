internal import CKernels

extension Kernels {
    /// Memory that is read after a product and fetched while the product runs. It is a hint: results do not depend on it.
    public struct Fetch {
        /// Room for a range. The caller owns the memory of a list.
        public struct Range: BitwiseCopyable {
            fileprivate let range: ck_fetch_range
        }

        /// 256 KiB: a product of few rows cannot fetch more in its time; twice that for many rows. More than that would evict itself and the
        /// product's rows from a second-level cache of 1 MiB.
        private let mostLines: Int

        var list = ck_fetch()
        private var ranges: UnsafeMutablePointer<Range>?

        public init() { mostLines = 0 }

        /// - Parameters:
        ///   - ranges: room for as many as are added.
        ///   - after: where the weights of the next product begin.
        ///   - rows: of the product.
        public init(_ ranges: UnsafeMutablePointer<Range>, after: UnsafeRawPointer?, rows: Int) {
            mostLines = rows > 16 ? 8192 : 4096
            self.ranges = ranges
            list.ranges = UnsafeRawPointer(ranges).assumingMemoryBound(to: ck_fetch_range.self)
            list.after = after?.assumingMemoryBound(to: UInt8.self)
        }

        /// Adds nothing once the list holds as much as a product fetches.
        public mutating func add(_ start: UnsafeRawPointer, byteCount: Int) {
            guard let ranges, byteCount > 0, list.lines < mostLines else { return }
            ranges[list.count] = Range(range: ck_fetch_range(start: start.assumingMemoryBound(to: UInt8.self), bytes: byteCount))
            list.count += 1
            list.lines += (byteCount + 63) / 64
        }

        /// What `lowRankShrink` reads of a matrix A.
        public mutating func add(_ a: Int8Matrix) {
            if let data = a.matrix.data { add(UnsafeRawPointer(data), byteCount: a.byteCount) }
        }

        /// What `lowRankExpand` reads of a matrix B for some outputs: two ranges.
        public mutating func add(_ b: Int8Matrix, outputs: Swift.Range<Int>) {
            guard let data = b.matrix.data, !outputs.isEmpty else { return }
            let (first, panels) = (outputs.lowerBound / 16, (outputs.count + 15) / 16)
            let (panel, scales) = withUnsafePointer(to: b.matrix) { (64 * ck_int8_vectors($0), 32 * ck_int8_blocks($0)) }
            let offset = withUnsafePointer(to: b.matrix) { ck_int8_scales_offset($0) }
            add(UnsafeRawPointer(data) + first * panel, byteCount: panels * panel)
            add(UnsafeRawPointer(data) + offset + first * scales, byteCount: panels * scales)
        }
    }
}
