internal import CKernels

extension TensorView {
    /// All elements as f32, row-major, into `output`, which has room for `elementCount`.
    ///
    /// Exact for every type but f64 (rounded to nearest); `dtype.isFloatingPoint` is required. Cost: `O(elements)`, one
    /// thread.
    public func dequantize(into output: UnsafeMutablePointer<Float>) {
        dequantizeElements(from: 0, elementCount, into: output)
    }

    /// The elements of some rows (see `rows`, `columns`) into `output`, which has room for `rows.count * columns`.
    public func dequantizeRows(_ rows: Range<Int>, into output: UnsafeMutablePointer<Float>) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "rows \(rows) are outside a tensor of \(self.rows)")
        dequantizeElements(from: rows.lowerBound * columns, rows.count * columns, into: output)
    }

    /// A copy of all elements as f32.
    public func floats() -> [Float] {
        [Float](unsafeUninitializedCapacity: elementCount) { buffer, count in
            if let base = buffer.baseAddress { dequantize(into: base) }
            count = elementCount
        }
    }

    private func dequantizeElements(from first: Int, _ count: Int, into output: UnsafeMutablePointer<Float>) {
        precondition(dtype.isFloatingPoint, "a tensor of type \(dtype.name) cannot become f32")
        guard count > 0 else { return }
        if maker != nil {
            var memory: [UInt8] = []
            let first = first / columns
            return withRows(first..<first + count / columns, nil, in: &memory) { convert($0, count, into: output) }
        }
        withUnsafeBytes { bytes in
            // Both are multiples of a block: rows are whole blocks.
            guard let base = bytes.baseAddress else { return }
            convert(base + first / dtype.blockElements * dtype.blockBytes, count, into: output)
        }
    }

    private func convert(_ start: UnsafeRawPointer, _ count: Int, into output: UnsafeMutablePointer<Float>) {
        let blocks = count / dtype.blockElements
        switch dtype {
        case .f32: UnsafeMutableRawPointer(output).copyMemory(from: start, byteCount: blocks * dtype.blockBytes)
        case .f16: ck_dequantize_f16(start, blocks, output)
        case .bf16: ck_dequantize_bf16(start, blocks, output)
        case .f64: ck_dequantize_f64(start, blocks, output)
        case .q4_0: ck_dequantize_q4_0(start, blocks, output)
        case .q4_1: ck_dequantize_q4_1(start, blocks, output)
        case .q5_0: ck_dequantize_q5_0(start, blocks, output)
        case .q5_1: ck_dequantize_q5_1(start, blocks, output)
        case .q8_0: ck_dequantize_q8_0(start, blocks, output)
        case .q2_K: ck_dequantize_q2_K(start, blocks, output)
        case .q3_K: ck_dequantize_q3_K(start, blocks, output)
        case .q4_K: ck_dequantize_q4_K(start, blocks, output)
        case .q5_K: ck_dequantize_q5_K(start, blocks, output)
        case .q6_K: ck_dequantize_q6_K(start, blocks, output)
        case .iq4_nl: ck_dequantize_iq4_nl(start, blocks, output)
        case .iq4_xs: ck_dequantize_iq4_xs(start, blocks, output)
        case .mxfp4: ck_dequantize_mxfp4(start, blocks, output)
        case .i8, .u8, .i32, .i64, .bool: break
        }
    }
}
