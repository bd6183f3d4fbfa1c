/// Builds GGUF files field by field, right or wrong.
struct GGUFBytes {
    var bytes: [UInt8] = []

    init(version: UInt32 = 3, tensors: UInt64, pairs: UInt64) {
        bytes += Array("GGUF".utf8)
        put(version)
        put(tensors)
        put(pairs)
    }

    mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }

    mutating func put(_ text: String) {
        put(UInt64(text.utf8.count))
        bytes += Array(text.utf8)
    }

    mutating func pair(_ key: String, type: UInt32, _ value: (inout GGUFBytes) -> Void) {
        put(key)
        put(type)
        value(&self)
    }

    /// `dimensions` in the order of the file: the inner one first.
    mutating func tensor(_ name: String, _ dimensions: [UInt64], type: UInt32, offset: UInt64) {
        put(name)
        put(UInt32(dimensions.count))
        for size in dimensions { put(size) }
        put(type)
        put(offset)
    }

    mutating func pad(to alignment: Int = 32) {
        while bytes.count % alignment != 0 { bytes.append(0) }
    }

    /// A small file with every kind of value and two tensors.
    static func sample() -> GGUFBytes {
        var file = GGUFBytes(tensors: 2, pairs: 6)
        file.pair("general.architecture", type: 8) { $0.put("llama") }
        file.pair("count", type: 4) { $0.put(UInt32(30)) }
        file.pair("negative", type: 11) { $0.put(Int64(-5)) }
        file.pair("yes", type: 7) { $0.put(UInt8(1)) }
        file.pair("words", type: 9) {
            $0.put(UInt32(8))
            $0.put(UInt64(2))
            $0.put("a")
            $0.put("é")
        }
        file.pair("nested", type: 9) {
            $0.put(UInt32(9))
            $0.put(UInt64(1))
            $0.put(UInt32(2))
            $0.put(UInt64(3))
            for value in 1...3 { $0.put(UInt16(value)) }
        }
        file.tensor("norm", [3], type: 0, offset: 0)
        file.tensor("matrix", [32, 2], type: 3, offset: 32)
        file.pad()
        for value in [1, 2, 3] as [Float] { file.put(value.bitPattern) }
        file.pad()
        file.bytes += [UInt8](repeating: 0x11, count: 40)
        return file
    }
}
