import Models

/// What a service keeps keys and values in.
public enum KeyValueChoice: String, Sendable, CaseIterable {
    /// `KeyValueFormat.fastest`: the rest pin the bits of answers, which are then the same on every machine.
    case auto
    case f16, bf16, int8

    public var format: KeyValueFormat {
        switch self {
        case .auto: .fastest
        case .f16: .f16
        case .bf16: .bf16
        case .int8: .int8
        }
    }
}
