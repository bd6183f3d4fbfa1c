public import Logging

/// The value of one field of a line: numbers and flags stay what they are, so that JSON lines have them as such.
enum LogField: Equatable {
    case text(String)
    case integer(Int)
    case number(Double)
    case flag(Bool)

    init(_ value: Logger.MetadataValue) {
        switch value {
        case .string(let text): self = .text(LogLine.cut(text))
        case .stringConvertible(let value): self.init(convertible: value)
        case .array, .dictionary: self = .text(LogLine.cut(value.description))
        }
    }

    private init(convertible value: any CustomStringConvertible) {
        switch value {
        case let value as Int: self = .integer(value)
        case let value as Double: self = .number(value)
        case let value as Bool: self = .flag(value)
        default: self = .text(LogLine.cut(value.description))
        }
    }
}

extension Logger.MetadataValue {
    public static func integer(_ value: Int) -> Logger.MetadataValue { .stringConvertible(value) }
    public static func number(_ value: Double) -> Logger.MetadataValue { .stringConvertible(value) }
    public static func flag(_ value: Bool) -> Logger.MetadataValue { .stringConvertible(value) }
}
