/// The header of a safetensors file in the form that its writers give it: no space but at the end, ASCII without escapes, and
/// the fields of a tensor in the order dtype, shape, data_offsets.
///
/// It is read in one pass, several times faster than JSON: a folder of a thousand adapters has half a million tensors. Headers of any
/// other form, sound or not, are left to the JSON reader, which can say why it refuses one.
struct PlainSafetensorsHeader {
    struct Tensor {
        var name: String
        var dtype: String
        var shape: [Int]
        var offsets: [Int]
    }

    private(set) var metadata: [String: String] = [:]
    /// In the order of the file; names differ.
    private(set) var tensors: [Tensor] = []

    /// Nil for every other form.
    init?(_ text: UnsafeRawBufferPointer, metadataKey: String) {
        var scanner = Scanner(text: text)
        var names: Set<String> = []
        tensors.reserveCapacity(text.count / 120)
        guard scanner.take("{") else { return nil }
        repeat {
            guard let name = scanner.string(), scanner.take(":{"), names.insert(name).inserted else { return nil }
            if name == metadataKey {
                guard readMetadata(&scanner) else { return nil }
            } else {
                guard let tensor = Self.tensor(name, &scanner) else { return nil }
                tensors.append(tensor)
            }
        } while scanner.take(",")
        guard scanner.take("}"), scanner.onlySpacesFollow else { return nil }
    }

    private mutating func readMetadata(_ scanner: inout Scanner) -> Bool {
        repeat {
            guard let key = scanner.string(), scanner.take(":"), let value = scanner.string(),
                metadata.updateValue(value, forKey: key) == nil
            else { return false }
        } while scanner.take(",")
        return scanner.take("}")
    }

    private static func tensor(_ name: String, _ scanner: inout Scanner) -> Tensor? {
        guard scanner.take("\"dtype\":"), let dtype = scanner.string(), scanner.take(",\"shape\":"),
            let shape = scanner.integers(), scanner.take(",\"data_offsets\":"), let offsets = scanner.integers(), scanner.take("}")
        else { return nil }
        return Tensor(name: name, dtype: dtype, shape: shape, offsets: offsets)
    }
}

/// Reads expected text from the front of a buffer.
private struct Scanner {
    let text: UnsafeRawBufferPointer
    private var index = 0

    init(text: UnsafeRawBufferPointer) { self.text = text }

    mutating func take(_ expected: StaticString) -> Bool {
        let count = expected.utf8CodeUnitCount
        guard count <= text.count - index else { return false }
        for offset in 0..<count where text[index + offset] != expected.utf8Start[offset] { return false }
        index += count
        return true
    }

    /// Printable ASCII in quotes.
    mutating func string() -> String? {
        guard take("\"") else { return nil }
        let start = index
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "\"") {
                defer { index += 1 }
                return String(decoding: UnsafeRawBufferPointer(rebasing: text[start..<index]), as: UTF8.self)
            }
            guard byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\\") else { return nil }
            index += 1
        }
        return nil
    }

    mutating func integers() -> [Int]? {
        guard take("[") else { return nil }
        var integers: [Int] = []
        if take("]") { return integers }
        integers.reserveCapacity(2)
        repeat {
            guard let integer = integer() else { return nil }
            integers.append(integer)
        } while take(",")
        return take("]") ? integers : nil
    }

    /// Of at most 18 digits, which fit; no zero before others.
    private mutating func integer() -> Int? {
        let start = index
        var value = 0
        while index < text.count, text[index] &- UInt8(ascii: "0") < 10, index - start < 18 {
            value = value * 10 + Int(text[index] - UInt8(ascii: "0"))
            index += 1
        }
        guard index > start, index - start == 1 || text[start] != UInt8(ascii: "0") else { return nil }
        return value
    }

    var onlySpacesFollow: Bool { text[index...].allSatisfy { $0 == UInt8(ascii: " ") } }
}
