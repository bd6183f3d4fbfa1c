internal import Tensors

/// A metadata value of a GGUF file.
public enum GGUFValue: Sendable {
    /// Types `u8`, `u16`, `u32`, `u64`.
    case unsigned(UInt64)
    /// Types `i8`, `i16`, `i32`, `i64`.
    case signed(Int64)
    /// Types `f32`, `f64`.
    case float(Double)
    case bool(Bool)
    case string(String)
    case array(GGUFArray)

    /// For messages: `an integer`, `a string`.
    var kindName: String {
        switch self {
        case .unsigned, .signed: "an integer"
        case .float: "a float"
        case .bool: "a boolean"
        case .string: "a string"
        case .array(let array): "an array of \(array.elementType.name)"
        }
    }
}

/// The types of metadata values, by their numbers in the file.
public enum GGUFValueType: UInt32, Sendable {
    case u8 = 0
    case i8, u16, i16, u32, i32, f32, bool, string, array, u64, i64, f64

    /// Bytes of a value; nil where they differ from value to value.
    var byteCount: Int? {
        switch self {
        case .u8, .i8, .bool: 1
        case .u16, .i16: 2
        case .u32, .i32, .f32: 4
        case .u64, .i64, .f64: 8
        case .string, .array: nil
        }
    }

    /// The fewest bytes that a value takes.
    var leastBytes: Int {
        switch self {
        case .string: 8  // its length
        case .array: 12  // element type and count
        default: byteCount ?? 1
        }
    }

    var name: String { "\(self)" }
}

/// An array in a GGUF header. It was checked when the file was opened; elements are read from the mapping when asked for.
public struct GGUFArray: Sendable {
    public let elementType: GGUFValueType
    public let count: Int
    let file: MappedFile
    /// Of the first element.
    let offset: Int

    /// The elements, arrays in it included; strings that are not UTF-8 throw `malformed`. Cost: `O(bytes)`.
    func values(key: String) throws(WeightsError) -> [GGUFValue] {
        var cursor = ByteCursor(file.bytes, offset: offset, path: file.path)
        var values: [GGUFValue] = []
        values.reserveCapacity(count)
        do throws(WeightsError) {
            for _ in 0..<count { values.append(try cursor.value(elementType, file: file, limits: .unchecked, depth: 0)) }
        } catch {
            var error = error
            error.key = key
            throw error
        }
        return values
    }

    /// Elements of a type that is read without a box each.
    func map<Value: BitwiseCopyable, Element>(_ type: Value.Type, _ convert: (Value) -> Element) -> [Element] {
        let size = MemoryLayout<Value>.size
        return (0..<count).map { convert(file.bytes.loadUnaligned(fromByteOffset: offset + $0 * size, as: Value.self)) }
    }
}

extension GGUFLimits {
    /// For what was checked before.
    static let unchecked = GGUFLimits(
        tensors: .max, keys: .max, keyBytes: .max, tensorNameBytes: .max, stringBytes: .max, arrayElements: .max,
        arrayDepth: .max)
}

extension ByteCursor {
    /// A value of that type.
    mutating func value(
        _ type: GGUFValueType, file: MappedFile, limits: GGUFLimits, depth: Int
    ) throws(WeightsError) -> GGUFValue {
        switch type {
        case .u8: .unsigned(UInt64(try integer("a value", as: UInt8.self)))
        case .u16: .unsigned(UInt64(try integer("a value", as: UInt16.self)))
        case .u32: .unsigned(UInt64(try integer("a value", as: UInt32.self)))
        case .u64: .unsigned(try integer("a value", as: UInt64.self))
        case .i8: .signed(Int64(try integer("a value", as: Int8.self)))
        case .i16: .signed(Int64(try integer("a value", as: Int16.self)))
        case .i32: .signed(Int64(try integer("a value", as: Int32.self)))
        case .i64: .signed(try integer("a value", as: Int64.self))
        case .f32: .float(Double(Float(bitPattern: try integer("a value", as: UInt32.self))))
        case .f64: .float(Double(bitPattern: try integer("a value", as: UInt64.self)))
        case .bool: .bool(try bool())
        case .string: .string(try string("a string", limit: limits.stringBytes))
        case .array: .array(try array(file: file, limits: limits, depth: depth))
        }
    }

    private mutating func bool() throws(WeightsError) -> Bool {
        let byte = try integer("a boolean", as: UInt8.self)
        guard byte <= 1 else { throw error(.malformed, "a boolean is \(byte), expected 0 or 1") }
        return byte == 1
    }

    /// The head of an array; its elements are checked and stepped over.
    private mutating func array(
        file: MappedFile, limits: GGUFLimits, depth: Int
    ) throws(WeightsError) -> GGUFArray {
        guard depth < limits.arrayDepth else {
            throw error(.limitExceeded, "arrays are nested deeper than \(limits.arrayDepth) levels")
        }
        let number = try integer("an array's element type", as: UInt32.self)
        guard let type = GGUFValueType(rawValue: number) else {
            throw error(.malformed, "an array's element type is \(number), expected 0 to 12")
        }
        let count = try count("the elements of an array", limit: limits.arrayElements)
        guard count <= remaining / type.leastBytes else {
            throw ended(
                inside: "an array", "\(count) elements of at least \(type.leastBytes) bytes expected, \(remaining) bytes found")
        }
        let array = GGUFArray(elementType: type, count: count, file: file, offset: offset)
        switch type {
        case .string:
            for _ in 0..<count { _ = try lengthPrefixed("a string", limit: limits.stringBytes) }
        case .array:
            var limits = limits
            for _ in 0..<count {
                let inner = try self.array(file: file, limits: limits, depth: depth + 1)
                limits.arrayElements -= min(limits.arrayElements, inner.count + 1)
            }
        case .bool:
            for _ in 0..<count { _ = try bool() }
        default:
            try skip(count * (type.byteCount ?? 1), "an array")
        }
        return array
    }
}
