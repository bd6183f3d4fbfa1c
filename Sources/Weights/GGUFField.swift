/// A metadata pair of a GGUF header, encoded: made from a value, or copied from a file.
public struct GGUFField: Sendable, Equatable {
    /// A value with its exact type, which readers of GGUF check.
    public enum Value: Sendable, Equatable {
        case u8(UInt8), i8(Int8), u16(UInt16), i16(Int16), u32(UInt32), i32(Int32), u64(UInt64), i64(Int64)
        case f32(Float), f64(Double)
        case bool(Bool)
        case string(String)
        case strings([String]), i32s([Int32]), f32s([Float])
        /// Elements of one type, which may be arrays.
        case array([Value], of: GGUFValueType)

        public var type: GGUFValueType {
            switch self {
            case .u8: .u8
            case .i8: .i8
            case .u16: .u16
            case .i16: .i16
            case .u32: .u32
            case .i32: .i32
            case .u64: .u64
            case .i64: .i64
            case .f32: .f32
            case .f64: .f64
            case .bool: .bool
            case .string: .string
            case .strings, .i32s, .f32s, .array: .array
            }
        }
    }

    public let key: String
    public let type: GGUFValueType
    /// Little-endian, as it stands behind the type.
    let bytes: [UInt8]

    public init(_ key: String, _ value: Value) {
        var encoder = GGUFEncoder()
        encoder.put(value)
        self.init(key, type: value.type, bytes: encoder.bytes)
    }

    init(_ key: String, type: GGUFValueType, bytes: [UInt8]) {
        (self.key, self.type, self.bytes) = (key, type, bytes)
    }
}

extension [GGUFField] {
    /// Replaces the value of a key where it stands, or adds the pair at the end.
    public mutating func set(_ key: String, _ value: GGUFField.Value) {
        let pair = GGUFField(key, value)
        if let place = firstIndex(where: { $0.key == key }) { self[place] = pair } else { append(pair) }
    }
}

/// Writes the fields of a header one after the other.
struct GGUFEncoder {
    private(set) var bytes: [UInt8] = []

    mutating func put<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes += $0 }
    }

    mutating func put(_ text: String) {
        put(UInt64(text.utf8.count))
        bytes += text.utf8
    }

    mutating func put(raw: [UInt8]) { bytes += raw }

    mutating func pad(to alignment: Int) { bytes += repeatElement(0, count: (alignment - bytes.count % alignment) % alignment) }

    mutating func put(_ value: GGUFField.Value) {
        switch value {
        case .u8(let number): put(number)
        case .i8(let number): put(number)
        case .u16(let number): put(number)
        case .i16(let number): put(number)
        case .u32(let number): put(number)
        case .i32(let number): put(number)
        case .u64(let number): put(number)
        case .i64(let number): put(number)
        case .f32(let number): put(number.bitPattern)
        case .f64(let number): put(number.bitPattern)
        case .bool(let flag): put(UInt8(flag ? 1 : 0))
        case .string(let text): put(text)
        case .strings(let texts): array(texts, of: .string) { $0.put($1) }
        case .i32s(let numbers): array(numbers, of: .i32) { $0.put($1) }
        case .f32s(let numbers): array(numbers, of: .f32) { $0.put($1.bitPattern) }
        case .array(let values, let type):
            array(values, of: type) {
                precondition($1.type == type, "an element of type \($1.type) in an array of \(type)")
                $0.put($1)
            }
        }
    }

    private mutating func array<Element>(_ elements: [Element], of type: GGUFValueType, _ put: (inout GGUFEncoder, Element) -> Void) {
        self.put(type.rawValue)
        self.put(UInt64(elements.count))
        for element in elements { put(&self, element) }
    }
}
