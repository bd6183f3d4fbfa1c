internal import CKernels

/// Activations in int8, for `PackedMatrix.multiply`: rows of blocks of 32, each with its scale (max|x| / 127) and sum.
///
/// `@unchecked Sendable`: threads write different rows, which share no memory, and read after a barrier.
public final class QuantizedRows: @unchecked Sendable {
    public let capacityRows: Int
    /// The most columns of a row.
    public let columns: Int
    let blocksPerRow: Int
    let blocks: UnsafeMutablePointer<ck_row_block>
    /// Bytes of the buffer's mapping; 0: it is on the heap.
    private let mappedBytes: Int

    private static let leastMappedBytes = 256 << 10

    /// The rows as plain values, which inner loops read without counting references.
    public struct View {
        let capacityRows: Int
        let blocksPerRow: Int
        let blocks: UnsafeMutablePointer<ck_row_block>

        /// As `QuantizedRows.quantize`.
        public func quantize(row: Int, from x: UnsafePointer<Float>, columns: Int) {
            check(row, columns)
            Kernels.table.pointee.packed.quantize(x, columns, (columns + 31) / 32, blocks + row * blocksPerRow)
        }

        /// The same for x's root-mean-square norm, which is also written to `normed` unless that is nil.
        public func quantizeNorm(
            row: Int, of x: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, columns: Int,
            into normed: UnsafeMutablePointer<Float>?
        ) {
            check(row, columns)
            Kernels.table.pointee.packed.norm_quantize(
                x, weight, epsilon, columns, (columns + 31) / 32, blocks + row * blocksPerRow, normed)
        }

        private func check(_ row: Int, _ columns: Int) {
            precondition(row >= 0 && row < capacityRows, "row \(row) is outside the capacity of \(capacityRows)")
            precondition(columns >= 0 && columns <= 32 * blocksPerRow, "\(columns) columns were asked for, more than the capacity")
        }

        /// Multiplies some blocks of a row by `factor`. Only their scales change, so no element is rounded again.
        public func scale(row: Int, blocks range: Range<Int>, by factor: Float) {
            precondition(row >= 0 && row < capacityRows, "row \(row) is outside the capacity of \(capacityRows)")
            precondition(range.lowerBound >= 0 && range.upperBound <= blocksPerRow, "blocks \(range) are outside a row of \(blocksPerRow)")
            for index in range {
                let block = blocks + row * blocksPerRow + index
                block.pointee.scale *= factor
                block.pointee.scaled_sum *= factor
            }
        }
    }

    /// Valid as long as this object lives.
    public var view: View { View(capacityRows: capacityRows, blocksPerRow: blocksPerRow, blocks: blocks) }

    /// `capacityRows` rows of up to `columns` columns, zeroed. For sizes that come from a file or a setting: throws when the system
    /// has no memory for it.
    /// - Parameter purpose: goes into the error: "no memory for 12 bytes of …".
    public init(capacityRows: Int, columns: Int, for purpose: String) throws(ResourceError) {
        precondition(capacityRows >= 0 && columns >= 0, "a buffer of \(capacityRows) rows of \(columns) columns was asked for")
        self.capacityRows = capacityRows
        self.columns = columns
        blocksPerRow = (columns + 31) / 32
        let count = capacityRows * blocksPerRow
        let bytes = count * MemoryLayout<ck_row_block>.stride
        if bytes >= Self.leastMappedBytes {
            mappedBytes = bytes
            blocks = try SystemMemory.map(bytes, for: purpose).bindMemory(to: ck_row_block.self, capacity: count)
            return
        }
        mappedBytes = 0
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes, 64), alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        blocks = memory.bindMemory(to: ck_row_block.self, capacity: count)
    }

    /// For sizes that the program bounds. The process ends when the system has no memory for it.
    public convenience init(capacityRows: Int, columns: Int) {
        do throws(ResourceError) {
            try self.init(capacityRows: capacityRows, columns: columns, for: "quantised activations")
        } catch {
            fatalError(error.message)
        }
    }

    deinit {
        if mappedBytes > 0 {
            SystemMemory.unmap(blocks, byteCount: mappedBytes)
        } else {
            UnsafeMutableRawPointer(blocks).deallocate()
        }
    }

    /// Subtracts the quantised row from x: the remainder is the rounding error.
    public func subtract(row: Int, from x: UnsafeMutablePointer<Float>, columns: Int) {
        precondition(row >= 0 && row < capacityRows && columns <= self.columns, "row \(row) or its \(columns) columns are outside the capacity")
        for index in 0..<(columns + 31) / 32 {
            let block = blocks[row * blocksPerRow + index]
            withUnsafeBytes(of: block.q) { numbers in
                for k in 0..<min(32, columns - 32 * index) { x[32 * index + k] -= block.scale * Float(Int8(bitPattern: numbers[k])) }
            }
        }
    }

    /// Overwrites a row with `columns` (at most the capacity's) floats; the columns up to the next multiple of 32 are zero.
    /// A row with an infinite or NaN element gives NaN in every product.
    public func quantize(row: Int, from x: UnsafePointer<Float>, columns: Int) {
        precondition(columns <= self.columns, "\(columns) columns were asked for, more than the capacity")
        view.quantize(row: row, from: x, columns: columns)
    }
}
