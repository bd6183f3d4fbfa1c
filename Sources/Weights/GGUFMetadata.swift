internal import Tensors

/// The key-value pairs of a GGUF header, with typed lookups whose errors name the key.
///
/// The plain lookups throw `missingKey` when there is no such key; the `optional…` ones return nil. Both throw
/// `wrongType` when the value is of another type. Integers of any width and sign are read as `Int`.
public struct GGUFMetadata: Sendable {
    private let values: [String: GGUFValue]
    private let path: String

    init(_ values: [String: GGUFValue], path: String) {
        self.values = values
        self.path = path
    }

    /// `general.architecture`: `llama`, `qwen2`, …
    public var architecture: String { get throws(WeightsError) { try string("general.architecture") } }

    public var keys: [String] { values.keys.sorted() }
    public subscript(key: String) -> GGUFValue? { values[key] }

    public func string(_ key: String) throws(WeightsError) -> String { try required(optionalString(key), key) }
    public func int(_ key: String) throws(WeightsError) -> Int { try required(optionalInt(key), key) }
    public func int(_ key: String, in range: ClosedRange<Int>) throws(WeightsError) -> Int {
        try required(optionalInt(key, in: range), key)
    }
    public func double(_ key: String) throws(WeightsError) -> Double { try required(optionalDouble(key), key) }
    public func float(_ key: String) throws(WeightsError) -> Float { Float(try double(key)) }
    public func bool(_ key: String) throws(WeightsError) -> Bool { try required(optionalBool(key), key) }
    public func strings(_ key: String) throws(WeightsError) -> [String] { try required(optionalStrings(key), key) }
    public func ints(_ key: String) throws(WeightsError) -> [Int] { try required(optionalInts(key), key) }
    public func floats(_ key: String) throws(WeightsError) -> [Float] { try required(optionalFloats(key), key) }

    public func optionalString(_ key: String) throws(WeightsError) -> String? {
        switch values[key] {
        case nil: return nil
        case .string(let value)?: return value
        case let found?: throw wrongType(key, "a string", found)
        }
    }

    public func optionalInt(_ key: String) throws(WeightsError) -> Int? {
        switch values[key] {
        case nil: return nil
        case .signed(let value)?: return Int(value)
        case .unsigned(let value)?:
            guard let int = Int(exactly: value) else { throw invalid(key, "\(value) is beyond 63 bits") }
            return int
        case let found?: throw wrongType(key, "an integer", found)
        }
    }

    /// An integer within bounds; outside them `malformed`.
    public func optionalInt(_ key: String, in range: ClosedRange<Int>) throws(WeightsError) -> Int? {
        guard let value = try optionalInt(key) else { return nil }
        guard range.contains(value) else {
            throw invalid(key, "expected an integer from \(range.lowerBound) to \(range.upperBound), found \(value)")
        }
        return value
    }

    /// A finite number; integers are taken too.
    public func optionalDouble(_ key: String) throws(WeightsError) -> Double? {
        switch values[key] {
        case nil: return nil
        case .float(let value)?:
            guard value.isFinite else { throw invalid(key, "expected a finite number, found \(value)") }
            return value
        case .signed(let value)?: return Double(value)
        case .unsigned(let value)?: return Double(value)
        case let found?: throw wrongType(key, "a number", found)
        }
    }

    public func optionalFloat(_ key: String) throws(WeightsError) -> Float? { try optionalDouble(key).map { Float($0) } }

    public func optionalBool(_ key: String) throws(WeightsError) -> Bool? {
        switch values[key] {
        case nil: return nil
        case .bool(let value)?: return value
        case let found?: throw wrongType(key, "a boolean", found)
        }
    }

    /// Cost: `O(bytes)`, as for the other arrays: elements are decoded when they are asked for.
    public func optionalStrings(_ key: String) throws(WeightsError) -> [String]? {
        guard let array = try array(key, "an array of strings", { $0 == .string }) else { return nil }
        var strings: [String] = []
        strings.reserveCapacity(array.count)
        for case .string(let text) in try array.values(key: key) { strings.append(text) }
        return strings
    }

    public func optionalInts(_ key: String) throws(WeightsError) -> [Int]? {
        guard let array = try array(key, "an array of integers", { $0.isInteger }) else { return nil }
        switch array.elementType {
        case .u8: return array.map(UInt8.self) { Int($0) }
        case .i8: return array.map(Int8.self) { Int($0) }
        case .u16: return array.map(UInt16.self) { Int(UInt16(littleEndian: $0)) }
        case .i16: return array.map(Int16.self) { Int(Int16(littleEndian: $0)) }
        case .u32: return array.map(UInt32.self) { Int(UInt32(littleEndian: $0)) }
        case .i32: return array.map(Int32.self) { Int(Int32(littleEndian: $0)) }
        case .i64: return array.map(Int64.self) { Int(Int64(littleEndian: $0)) }
        default:
            let values = array.map(UInt64.self) { Int(exactly: UInt64(littleEndian: $0)) }
            let ints = values.compactMap { $0 }
            guard ints.count == values.count else { throw invalid(key, "an element is beyond 63 bits") }
            return ints
        }
    }

    public func optionalBools(_ key: String) throws(WeightsError) -> [Bool]? {
        try array(key, "an array of booleans", { $0 == .bool })?.map(UInt8.self) { $0 != 0 }
    }

    /// Elements may be infinite or NaN: scores of vocabularies are.
    public func optionalFloats(_ key: String) throws(WeightsError) -> [Float]? {
        guard let array = try array(key, "an array of floats", { $0 == .f32 || $0 == .f64 }) else { return nil }
        if array.elementType == .f32 {
            return array.map(UInt32.self) { Float(bitPattern: UInt32(littleEndian: $0)) }
        }
        return array.map(UInt64.self) { Float(Double(bitPattern: UInt64(littleEndian: $0))) }
    }

    /// An error about a key, for checks that the reader makes itself.
    public func invalid(_ key: String, _ message: String) -> WeightsError {
        WeightsError(.malformed, message, file: path, key: key)
    }

    private func array(
        _ key: String, _ kind: String, _ accepts: (GGUFValueType) -> Bool
    ) throws(WeightsError) -> GGUFArray? {
        switch values[key] {
        case nil: return nil
        case .array(let array)? where accepts(array.elementType): return array
        case let found?: throw wrongType(key, kind, found)
        }
    }

    private func required<Value>(_ value: Value?, _ key: String) throws(WeightsError) -> Value {
        if let value { return value }
        throw WeightsError(.missingKey, "missing", file: path, key: key)
    }

    private func wrongType(_ key: String, _ expected: String, _ found: GGUFValue) -> WeightsError {
        WeightsError(.wrongType, "expected \(expected), found \(found.kindName)", file: path, key: key)
    }
}

extension GGUFValueType {
    fileprivate var isInteger: Bool {
        switch self {
        case .u8, .i8, .u16, .i16, .u32, .i32, .u64, .i64: true
        case .f32, .f64, .bool, .string, .array: false
        }
    }
}
