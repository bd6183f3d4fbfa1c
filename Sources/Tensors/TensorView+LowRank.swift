internal import CKernels

/// Checks and conversions of an adapter's matrices while it is loaded; f32, f16 and bf16 only. Isolation: any thread.
extension TensorView {
    /// The lowest index whose magnitude, as the bits of an f32 without its sign, is `limit` or more; nil when there is none.
    /// With the bits of infinity: the first element that is not finite. Cost: `O(elements)`, one read.
    package func firstIndex(beyond limit: UInt32) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        let index = ck_first_beyond(lowRankSource, base, elementCount, limit)
        return index < elementCount ? index : nil
    }

    /// For a matrix `[rows, columns]`: which rows have an element other than zero. Cost: `O(elements)`, mostly `O(rows)`.
    package func nonzeroRows() -> [Bool] {
        flags(rows) { base, flags in ck_nonzero_rows(lowRankSource, base, rows, columns, flags) }
    }

    /// Which columns have one. Cost: `O(elements)`, mostly `O(columns)`.
    package func nonzeroColumns() -> [Bool] {
        flags(columns) { base, flags in ck_nonzero_columns(lowRankSource, base, rows, columns, flags) }
    }

    /// Copies the elements, rounded to nearest (ties to even) where `element` holds less, into room for `elementCount`.
    package func copyElements(as element: Kernels.LowRankElement, into output: UnsafeMutableRawPointer) {
        guard let base = bytes.baseAddress else { return }
        ck_low_rank_copy(lowRankSource, base, elementCount, element.code, output)
    }

    /// The same for a matrix `[rows, columns]`, written as `[columns, rows]`.
    package func transposeElements(as element: Kernels.LowRankElement, into output: UnsafeMutableRawPointer) {
        guard let base = bytes.baseAddress else { return }
        ck_low_rank_transpose(lowRankSource, base, rows, columns, element.code, output)
    }

    /// Packs a matrix `[outputs, inputs]` as int8 into room for `matrix.byteCount`; `matrix` has its shape. The elements are
    /// finite. Cost: about 1 ns for 4 elements.
    package func packElements(as matrix: Kernels.Int8Matrix, into output: UnsafeMutableRawPointer) {
        precondition(matrix.matrix.outputs == rows && matrix.matrix.inputs == columns, "the packed matrix has another shape than \(shape)")
        guard let base = bytes.baseAddress else { return }
        withUnsafePointer(to: matrix.matrix) {
            Kernels.table.pointee.low_rank_int8.pack($0, lowRankSource, base, output.assumingMemoryBound(to: UInt8.self))
        }
    }

    private func flags(_ count: Int, _ fill: (UnsafeRawPointer, UnsafeMutablePointer<UInt8>) -> Void) -> [Bool] {
        var flags = [UInt8](repeating: 0, count: count)
        flags.withUnsafeMutableBufferPointer { flags in
            if let base = bytes.baseAddress, let start = flags.baseAddress { fill(base, start) }
        }
        return flags.map { $0 != 0 }
    }

    private var lowRankSource: ck_source_type {
        switch dtype {
        case .f32: CK_SOURCE_F32
        case .f16: CK_SOURCE_F16
        case .bf16: CK_SOURCE_BF16
        default: preconditionFailure("a tensor of type \(dtype.name), expected f32, f16 or bf16")
        }
    }
}
