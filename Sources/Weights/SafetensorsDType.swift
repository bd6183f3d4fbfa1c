internal import Tensors

/// The element types of safetensors, by their names in the header.
enum SafetensorsDType {
    static func dtype(_ name: String) -> DType? {
        switch name {
        case "F32": .f32
        case "F16": .f16
        case "BF16": .bf16
        case "F64": .f64
        case "I8": .i8
        case "U8": .u8
        case "I32": .i32
        case "I64": .i64
        case "BOOL": .bool
        default: nil
        }
    }

    /// Nil for GGML's quantised types.
    static func name(_ dtype: DType) -> String? {
        dtype.isQuantized ? nil : dtype.name.uppercased()
    }
}
