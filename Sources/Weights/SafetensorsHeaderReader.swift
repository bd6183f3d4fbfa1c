internal import JSON
internal import Tensors

/// Reads the header of one safetensors file.
struct SafetensorsHeaderReader {
    let dataOffset: Int
    private let file: MappedFile
    private let limits: SafetensorsLimits
    /// Empty when the header is plain.
    private let header: JSONObject
    private let plain: PlainSafetensorsHeader?

    /// Finds and parses the header. `__metadata__` and the tensors are read after.
    init(file: MappedFile, limits: SafetensorsLimits) throws(WeightsError) {
        var cursor = ByteCursor(file.bytes, path: file.path)
        let text = try cursor.lengthPrefixed("the header", limit: limits.headerBytes)
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[text])
        guard bytes.first == UInt8(ascii: "{") else {
            throw cursor.error(.malformed, "the header does not begin with \"{\"")
        }
        // Parsers differ in what they make of it, also behind a number.
        if let place = bytes.firstIndex(of: 0) {
            throw cursor.error(.malformed, "the header has a NUL at byte \(text.lowerBound + place - bytes.startIndex)")
        }
        self.file = file
        self.limits = limits
        dataOffset = text.upperBound
        plain = PlainSafetensorsHeader(bytes, metadataKey: Self.metadataKey)
        if plain != nil {
            header = [:]
            return
        }
        let document: JSONValue
        do {
            document = try JSONValue.parse(bytes, maxDepth: 4)
        } catch {
            throw cursor.error(.malformed, "the header is no valid JSON: \(error)")
        }
        guard case .object(let header) = document else {
            throw cursor.error(.malformed, "the header is \(document.kindName), expected an object")
        }
        self.header = header
        try refuseDuplicates(MemberCount(bytes))
    }

    func metadata() throws(WeightsError) -> [String: String] {
        if let plain { return plain.metadata }
        guard let value = header[Self.metadataKey] else { return [:] }
        guard case .object(let members) = value else {
            throw error(.malformed, "expected an object, found \(value.kindName)", key: Self.metadataKey)
        }
        var metadata: [String: String] = [:]
        for (key, value) in members {
            guard case .string(let text) = value else {
                throw error(.malformed, "expected a string, found \(value.kindName)", key: "\(Self.metadataKey).\(key)")
            }
            metadata[key] = text
        }
        return metadata
    }

    func tensors() throws(WeightsError) -> [String: TensorView] {
        var entries: [Entry] = []
        for tensor in plain?.tensors ?? [] {
            entries.append(try entry(tensor.name, tensor.dtype, tensor.shape, tensor.offsets))
        }
        for (name, value) in header where name != Self.metadataKey {
            let (dtype, shape, offsets) = try fields(name, value)
            entries.append(try entry(name, dtype, shape, offsets))
        }
        try refuseGaps(entries)
        var tensors: [String: TensorView] = [:]
        tensors.reserveCapacity(entries.count)
        for entry in entries {
            guard
                let view = TensorView(
                    name: entry.name, dtype: entry.dtype, shape: entry.shape, file: file, offset: dataOffset + entry.begin)
            else {
                throw error(.truncated, "bytes \(entry.begin) to \(entry.end) of the data are not in the file", tensor: entry.name)
            }
            guard tensors.updateValue(view, forKey: entry.name) == nil else {
                throw error(.duplicate, "there are two tensors of this name", tensor: entry.name)
            }
        }
        return tensors
    }

    // MARK: Entries

    static let metadataKey = "__metadata__"

    private struct Entry {
        var name: String
        var dtype: DType
        var shape: [Int]
        /// From the start of the data, at most the bytes that follow the header.
        var begin: Int
        var end: Int
    }

    private func entry(
        _ name: String, _ dtypeName: String, _ shape: [Int], _ offsets: [Int]
    ) throws(WeightsError) -> Entry {
        guard let dtype = SafetensorsDType.dtype(dtypeName) else {
            throw error(.unsupported, "element type \(quoted(dtypeName)) is not read", tensor: name)
        }
        guard shape.count <= limits.dimensions else {
            throw error(.limitExceeded, "\(shape.count) dimensions, expected at most \(limits.dimensions)", tensor: name)
        }
        guard let byteCount = TensorView.byteCount(dtype: dtype, shape: shape) else {
            throw error(.malformed, "shape \(shape) overflows", tensor: name)
        }
        guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] - offsets[0] == byteCount else {
            throw error(
                .malformed, "shape \(shape) of \(dtypeName) takes \(byteCount) bytes; found data_offsets \(offsets)", tensor: name)
        }
        let available = file.size - dataOffset
        guard offsets[1] <= available else {
            throw error(
                .truncated, "the file ends inside the tensor: data up to byte \(offsets[1]) expected, \(available) found", tensor: name)
        }
        return Entry(name: name, dtype: dtype, shape: shape, begin: offsets[0], end: offsets[1])
    }

    /// A field that is wrong is read a second time, because only then the paths are needed that errors name; they cost more than the fields.
    private func fields(
        _ name: String, _ value: JSONValue
    ) throws(WeightsError) -> (dtype: String, shape: [Int], offsets: [Int]) {
        if let members = value.objectValue, let dtype = members["dtype"]?.stringValue,
            let shape = members["shape"].flatMap(Self.integers), let offsets = members["data_offsets"].flatMap(Self.integers)
        {
            return (dtype, shape, offsets)
        }
        let cursor = JSONCursor(value)
        do throws(JSONError) {
            return (try cursor["dtype"].string(), try integers(cursor["shape"]), try integers(cursor["data_offsets"]))
        } catch {
            throw self.error(.malformed, "\(error)", tensor: name)
        }
    }

    /// Nil unless all are integers that are not negative.
    private static func integers(_ value: JSONValue) -> [Int]? {
        guard case .array(let elements) = value else { return nil }
        var integers: [Int] = []
        integers.reserveCapacity(elements.count)
        for element in elements {
            guard let integer = element.intValue, integer >= 0 else { return nil }
            integers.append(integer)
        }
        return integers
    }

    /// An array of integers that are not negative.
    private func integers(_ cursor: JSONCursor) throws(JSONError) -> [Int] {
        var values: [Int] = []
        for element in try cursor.array() { values.append(try element.int(in: 0...Int.max)) }
        return values
    }

    /// The format's rule: in the order of their offsets, tensors touch each other, from the first byte to the last.
    private func refuseGaps(_ entries: [Entry]) throws(WeightsError) {
        var end = 0
        // Most writers name tensors in the order of their data.
        let isSorted = zip(entries, entries.dropFirst()).allSatisfy { ($0.begin, $0.end) <= ($1.begin, $1.end) }
        for entry in isSorted ? entries : entries.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            guard entry.begin == end else {
                throw error(
                    .malformed, "data_offsets \([entry.begin, entry.end]) \(entry.begin < end ? "overlap another tensor" : "leave a gap"); expected to begin at \(end)",
                    tensor: entry.name)
            }
            end = entry.end
        }
        guard dataOffset + end == file.size else {
            throw error(.malformed, "the tensors end at byte \(dataOffset + end), the file at \(file.size)")
        }
    }

    /// The parser keeps the last of equal keys, so the members in the text are counted and compared with those that it kept.
    private func refuseDuplicates(_ count: MemberCount) throws(WeightsError) {
        var inner = 0
        for (_, value) in header {
            if case .object(let members) = value { inner += members.count }
        }
        guard count.outer == header.count, count.inner == inner else {
            throw error(.duplicate, "the header has two tensors, or two fields of a tensor, of one name")
        }
    }

    private func error(
        _ code: WeightsError.Code, _ message: String, tensor: String? = nil, key: String? = nil
    ) -> WeightsError {
        WeightsError(code, message, file: file.path, tensor: tensor, key: key)
    }
}

/// Counts the members of a valid JSON object in its text, and those of the objects that are its values.
private struct MemberCount {
    private(set) var outer = 0
    private(set) var inner = 0

    init(_ text: UnsafeRawBufferPointer) {
        var depth = 0
        var index = 0
        var inString = false
        while index < text.count {
            switch (text[index], inString) {
            case (UInt8(ascii: "\\"), true): index += 1
            case (UInt8(ascii: "\""), _): inString.toggle()
            case (UInt8(ascii: "{"), false), (UInt8(ascii: "["), false): depth += 1
            case (UInt8(ascii: "}"), false), (UInt8(ascii: "]"), false): depth -= 1
            case (UInt8(ascii: ":"), false):
                if depth == 1 { outer += 1 }
                if depth == 2 { inner += 1 }
            default: break
            }
            index += 1
        }
    }
}
