internal import CKernels

/// What an element type could not hold of the numbers that were written in it.
public struct EncodingLoss: Sendable, Equatable {
    /// Finite elements that became infinite; for quantised types, blocks whose scale or minimum did.
    public var overflows = 0
    /// Elements that were infinite or NaN before.
    public var notFinite = 0

    public init(overflows: Int = 0, notFinite: Int = 0) { (self.overflows, self.notFinite) = (overflows, notFinite) }

    public var isEmpty: Bool { overflows == 0 && notFinite == 0 }

    public static func += (sum: inout EncodingLoss, other: EncodingLoss) {
        sum.overflows += other.overflows
        sum.notFinite += other.notFinite
    }
}

extension DType {
    /// Whether `ElementEncoder` writes it.
    public var isEncodable: Bool {
        switch self {
        case .f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K: true
        case .f64, .i8, .u8, .i32, .i64, .bool, .q2_K, .q3_K, .iq4_nl, .iq4_xs, .mxfp4: false
        }
    }
}

/// Turns rows of f32 into the bytes that a file has for them.
///
/// f16 and bf16 are rounded to nearest even, NaN stays NaN. Quantised types get the bits of ggml's reference quantisers without an
/// importance matrix, on every CPU: see `encode.h`. Isolation: any thread.
public struct ElementEncoder: Sendable {
    public let dtype: DType
    public let columns: Int
    /// Bytes of an encoded row.
    public let rowBytes: Int

    /// Errors: `unsupportedType` for a type that is not `isEncodable`, `wrongShape` for rows that are no whole number of blocks.
    public init(_ dtype: DType, columns: Int, tensor: String) throws(TensorError) {
        guard dtype.isEncodable else {
            let known = DType.allCases.filter(\.isEncodable).map(\.name).joined(separator: ", ")
            throw TensorError(code: .unsupportedType, tensor: tensor, message: "\(dtype.name) is not written; known are \(known)")
        }
        guard let rowBytes = dtype.byteCount(elements: columns) else {
            throw TensorError(
                code: .wrongShape, tensor: tensor, message: "rows of \(columns) elements are no multiple of \(dtype.name)'s \(dtype.blockElements)")
        }
        (self.dtype, self.columns, self.rowBytes) = (dtype, columns, rowBytes)
    }

    /// Reads `[rows, columns]` and writes `rows * rowBytes` bytes, which need no alignment and do not overlap x.
    public func encode(_ x: UnsafePointer<Float>, rows: Int, into out: UnsafeMutableRawPointer) -> EncodingLoss {
        precondition(rows >= 0, "\(rows) rows were asked for")
        let kernels = Kernels.table.pointee.encode
        var loss = ck_encoding_loss()
        let count = rows * columns
        switch dtype {
        case .f32: kernels.f32(x, count, out, &loss)
        case .f16: kernels.f16(x, count, out, &loss)
        case .bf16: kernels.bf16(x, count, out, &loss)
        case .q4_0: kernels.q4_0(x, count, out, &loss)
        case .q4_1: kernels.q4_1(x, count, out, &loss)
        case .q5_0: kernels.q5_0(x, count, out, &loss)
        case .q5_1: kernels.q5_1(x, count, out, &loss)
        case .q8_0: kernels.q8_0(x, count, out, &loss)
        case .q4_K: kernels.q4_K(x, count, out, &loss)
        case .q5_K: kernels.q5_K(x, count, out, &loss)
        case .q6_K: kernels.q6_K(x, count, out, &loss)
        case .f64, .i8, .u8, .i32, .i64, .bool, .q2_K, .q3_K, .iq4_nl, .iq4_xs, .mxfp4:
            preconditionFailure("an encoder of \(dtype.name) cannot be made")
        }
        return EncodingLoss(overflows: Int(loss.overflows), notFinite: Int(loss.not_finite))
    }
}
