internal import Tensors

/// The element types of GGML, by their numbers in the file.
enum GGUFTensorType {
    /// The type of that number, when it is one that is read here.
    static func dtype(_ number: UInt32) -> DType? {
        switch number {
        case 0: .f32
        case 1: .f16
        case 2: .q4_0
        case 3: .q4_1
        case 6: .q5_0
        case 7: .q5_1
        case 8: .q8_0
        case 10: .q2_K
        case 11: .q3_K
        case 12: .q4_K
        case 13: .q5_K
        case 14: .q6_K
        case 20: .iq4_nl
        case 23: .iq4_xs
        case 24: .i8
        case 26: .i32
        case 27: .i64
        case 28: .f64
        case 30: .bf16
        case 39: .mxfp4
        default: nil
        }
    }

    /// Nil for types that GGML does not have.
    static func number(_ dtype: DType) -> UInt32? { numbers[dtype] }

    private static let numbers: [DType: UInt32] = {
        var numbers: [DType: UInt32] = [:]
        for number in UInt32(0)..<64 {
            if let dtype = dtype(number) { numbers[dtype] = number }
        }
        return numbers
    }()

    /// For messages; nil for a number that GGML does not have.
    static func name(_ number: UInt32) -> String? {
        if let known = dtype(number) { return known.name }
        return others[number]
    }

    private static let others: [UInt32: String] = [
        9: "q8_1", 15: "q8_K", 16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs", 19: "iq1_s",
        21: "iq3_s", 22: "iq2_s", 25: "i16", 29: "iq1_m", 34: "tq1_0", 35: "tq2_0",
    ]
}
