/// How the elements of a tensor are stored. The names are those of the files: safetensors' in upper case, GGML's in lower.
///
/// A quantised type stores blocks of `blockElements` consecutive elements of a row in `blockBytes` bytes.
public enum DType: String, Sendable, CaseIterable {
    case f32, f16, bf16, f64
    case i8, u8, i32, i64, bool
    case q4_0, q4_1, q5_0, q5_1, q8_0
    case q2_K, q3_K, q4_K, q5_K, q6_K
    case iq4_nl, iq4_xs
    /// The blocks of OCP's MX formats, as GGML orders them.
    case mxfp4

    /// As GGML spells it: `q4_1`, `q6_K`, `f32`.
    public var name: String { rawValue }

    /// Elements in a block: 1 for the plain types. A row is a whole number of blocks.
    public var blockElements: Int {
        switch self {
        case .f32, .f16, .bf16, .f64, .i8, .u8, .i32, .i64, .bool: 1
        case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl, .mxfp4: 32
        case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_xs: 256
        }
    }

    /// Bytes of a block: those of an element for the plain types.
    public var blockBytes: Int {
        switch self {
        case .i8, .u8, .bool: 1
        case .f16, .bf16: 2
        case .f32, .i32: 4
        case .f64, .i64: 8
        case .q4_0, .iq4_nl: 2 + 16  // scale, 32 nibbles
        case .mxfp4: 1 + 16  // exponent, 32 nibbles
        case .q4_1: 2 + 2 + 16  // scale, minimum, 32 nibbles
        case .q5_0: 2 + 4 + 16  // scale, 32 fifth bits, 32 nibbles
        case .q5_1: 2 + 2 + 4 + 16
        case .q8_0: 2 + 32  // scale, 32 bytes
        case .q2_K: 16 + 64 + 2 + 2  // 16 scales and minimums of 4 bits, 256 times 2 bits, two super scales
        case .q3_K: 32 + 64 + 12 + 2  // 256 third bits, 256 times 2 bits, 16 scales of 6 bits, super scale
        case .q4_K: 2 + 2 + 12 + 128  // two super scales, 8 scales and minimums of 6 bits, 256 nibbles
        case .q5_K: 2 + 2 + 12 + 32 + 128
        case .q6_K: 128 + 64 + 16 + 2  // low nibbles, upper 2 bits, 16 scales, super scale
        case .iq4_xs: 2 + 2 + 4 + 128  // super scale, upper 2 and lower 4 bits of 8 scales, 256 nibbles
        }
    }

    public var isQuantized: Bool { blockElements > 1 }

    /// Whether elements are real numbers that `TensorView.dequantize` turns into f32.
    public var isFloatingPoint: Bool {
        switch self {
        case .i8, .u8, .i32, .i64, .bool: false
        default: true
        }
    }

    /// Bytes of `count` consecutive elements; nil when they are no whole number of blocks or the product overflows.
    public func byteCount(elements count: Int) -> Int? {
        guard count >= 0, count % blockElements == 0 else { return nil }
        let (bytes, overflow) = (count / blockElements).multipliedReportingOverflow(by: blockBytes)
        return overflow ? nil : bytes
    }
}
