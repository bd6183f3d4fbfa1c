internal import Tensors

/// What a GGUF header says, checked.
struct GGUFHeader {
    var version = 0
    var metadata: [String: GGUFValue] = [:]
    /// Where the values lie in the file, behind their types; in its order.
    var pairs: [(key: String, type: GGUFValueType, bytes: Range<Int>)] = []
    var tensors: [String: TensorView] = [:]
    var tensorNames: [String] = []
    var dataOffset = 0
}

/// Reads the header of one file from front to back.
struct GGUFHeaderReader {
    private let file: MappedFile
    private let limits: GGUFLimits
    private var cursor: ByteCursor

    /// A tensor as the header describes it, before its place is known to be in the file.
    private struct Info {
        var name: String
        var dtype: DType
        var shape: [Int]
        var byteCount: Int
        /// From the start of the data.
        var offset: Int
    }

    init(file: MappedFile, limits: GGUFLimits) {
        self.file = file
        self.limits = limits
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes.prefix(limits.headerBytes))
        self.cursor = ByteCursor(bytes, path: file.path, isCut: bytes.count < file.size)
    }

    mutating func read() throws(WeightsError) -> GGUFHeader {
        var header = GGUFHeader()
        header.version = try version()
        let tensorCount = try cursor.count("number of tensors", limit: limits.tensors)
        let pairCount = try cursor.count("number of metadata pairs", limit: limits.keys)
        for _ in 0..<pairCount { try pair(into: &header) }
        let alignment = try alignment(header.metadata)

        var infos: [Info] = []
        for _ in 0..<tensorCount { infos.append(try info(alignment: alignment)) }
        // Below 2^63: the cursor is inside the file.
        header.dataOffset = (cursor.offset + alignment - 1) / alignment * alignment
        try refuseOverlaps(infos)
        for info in infos {
            header.tensorNames.append(info.name)
            let view = try view(info, dataOffset: header.dataOffset)
            guard header.tensors.updateValue(view, forKey: info.name) == nil else {
                throw cursor.error(.duplicate, "there are two tensors of this name", tensor: info.name)
            }
        }
        return header
    }

    private mutating func version() throws(WeightsError) -> Int {
        let magic = try cursor.integer("the magic number", as: UInt32.self)
        guard magic == 0x4655_4747 else {  // "GGUF"
            throw cursor.error(.malformed, "not a GGUF file: it begins with \(hexadecimal(magic)), expected 0x46554747")
        }
        let version = try cursor.integer("the version", as: UInt32.self)
        if version == 2 || version == 3 { return Int(version) }
        if version.byteSwapped == 2 || version.byteSwapped == 3 {
            throw cursor.error(.unsupported, "a big-endian file; only little-endian ones are read")
        }
        throw cursor.error(.unsupported, "GGUF version \(version); versions 2 and 3 are read")
    }

    private mutating func pair(into header: inout GGUFHeader) throws(WeightsError) {
        let key = try cursor.string("a metadata key", limit: limits.keyBytes)
        do throws(WeightsError) {
            let number = try cursor.integer("a value's type", as: UInt32.self)
            guard let type = GGUFValueType(rawValue: number) else {
                throw cursor.error(.malformed, "the value's type is \(number), expected 0 to 12")
            }
            let start = cursor.offset
            let value = try cursor.value(type, file: file, limits: limits, depth: 0)
            header.pairs.append((key, type, start..<cursor.offset))
            guard header.metadata.updateValue(value, forKey: key) == nil else {
                throw cursor.error(.duplicate, "there are two values of this key")
            }
        } catch {
            var error = error
            error.key = quoted(key)
            throw error
        }
    }

    private func alignment(_ metadata: [String: GGUFValue]) throws(WeightsError) -> Int {
        let key = "general.alignment"
        guard let value = metadata[key] else { return 32 }
        guard case .unsigned(let alignment) = value, alignment > 0, alignment <= 1 << 20, alignment & (alignment - 1) == 0 else {
            throw cursor.error(.malformed, "expected a power of two up to 1048576, found \(value)", key: key)
        }
        return Int(alignment)
    }

    private mutating func info(alignment: Int) throws(WeightsError) -> Info {
        let name = try cursor.string("a tensor's name", limit: limits.tensorNameBytes)
        do throws(WeightsError) {
            let dimensions = try cursor.integer("the number of dimensions", as: UInt32.self)
            guard dimensions <= 4 else {
                throw cursor.error(.malformed, "\(dimensions) dimensions, expected at most 4")
            }
            var shape: [Int] = []
            for _ in 0..<dimensions { shape.append(try cursor.count("a dimension", limit: 1 << 48)) }
            shape.reverse()
            let number = try cursor.integer("the element type", as: UInt32.self)
            guard let dtype = GGUFTensorType.dtype(number) else { throw unsupportedType(number) }
            guard let byteCount = TensorView.byteCount(dtype: dtype, shape: shape) else {
                throw cursor.error(
                    .malformed, "shape \(shape) of \(dtype.name) overflows or has rows that are no multiple of \(dtype.blockElements) elements")
            }
            let offset = try cursor.count("the offset", limit: .max)
            guard offset % alignment == 0 else {
                throw cursor.error(.malformed, "offset \(offset) is no multiple of the alignment \(alignment)")
            }
            return Info(name: name, dtype: dtype, shape: shape, byteCount: byteCount, offset: offset)
        } catch {
            var error = error
            error.tensor = name
            throw error
        }
    }

    private func unsupportedType(_ number: UInt32) -> WeightsError {
        guard let name = GGUFTensorType.name(number) else {
            return cursor.error(.malformed, "element type \(number) is not one of GGML's")
        }
        return cursor.error(.unsupported, "element type \(name) (\(number)) is not read; requantise the file, for example to q4_1 or q8_0")
    }

    private func view(_ info: Info, dataOffset: Int) throws(WeightsError) -> TensorView {
        let (start, overflow) = dataOffset.addingReportingOverflow(info.offset)
        guard !overflow,
            let view = TensorView(name: info.name, dtype: info.dtype, shape: info.shape, file: file, offset: start)
        else {
            throw cursor.error(
                .truncated,
                "\(info.byteCount) bytes expected at offset \(info.offset) of the data, which has \(max(0, file.size - dataOffset)) bytes",
                tensor: info.name)
        }
        return view
    }

    private func refuseOverlaps(_ infos: [Info]) throws(WeightsError) {
        let sorted = infos.filter { $0.byteCount > 0 }.sorted { $0.offset < $1.offset }
        for (one, next) in zip(sorted, sorted.dropFirst()) where next.offset - one.offset < one.byteCount {
            throw cursor.error(
                .malformed, "overlaps tensor \(quoted(one.name)), which takes \(one.byteCount) bytes from offset \(one.offset); found offset \(next.offset)",
                tensor: next.name)
        }
    }
}

private func hexadecimal(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
