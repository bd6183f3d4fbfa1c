internal import JSON
internal import Tensors
internal import Weights

/// Copies a file of weights, or its header, and takes it apart.
struct WeightsReader {
    private static let lengthBytes = 8
    private static let mostShards = 256

    let file: AdapterFile
    let limits: AdapterLimits

    /// The weights of a PEFT folder: one file, or the shards that an index names. Nil when there is neither. Errors: `notReady`,
    /// `malformed`, `limitExceeded`, `missingTensor`, and those of reading.
    static func read(
        _ directory: AdapterDirectory, _ depth: AdapterContent.Depth, limits: AdapterLimits
    ) throws(AdapterError) -> AdapterWeights? {
        if let file = try directory.open(AdapterFile.weights) {
            return AdapterWeights(try WeightsReader(file: file, limits: limits).read(depth), of: file)
        }
        guard let index = try directory.open(AdapterFile.weightsIndex) else { return nil }
        let document = try JSONText.parse(try index.contents(limit: limits.headerBytes), file: index.name)
        let places = try shards(document)
        var shards: [(file: AdapterFile, opened: SafetensorsFile)] = []
        var bytes = 0
        for name in Set(places.values).sorted() {
            guard let file = try directory.open(name) else {
                throw AdapterError(.notReady, "the file is not there; \(AdapterFile.weightsIndex) names it", file: name)
            }
            bytes += file.size
            guard bytes <= limits.weightsBytes else {
                throw AdapterError(.limitExceeded, "more than \(limits.weightsBytes) bytes in all shards", file: name)
            }
            let opened = try WeightsReader(file: file, limits: limits).read(.headers)
            if let stray = opened.tensors.keys.sorted().first(where: { places[$0] != name }) {
                throw AdapterError(.malformed, "the index does not say that this file has it", file: name, tensor: stray)
            }
            shards.append((file, opened))
        }
        let found = Set(shards.flatMap(\.opened.tensors.keys))
        if let missing = places.keys.sorted().first(where: { !found.contains($0) }) {
            throw AdapterError(.missingTensor, "the index says that this file has it", file: places[missing], tensor: missing)
        }
        return try AdapterWeights(shards: shards, depth: depth)
    }

    /// `weight_map`: the file of each tensor, a plain name.
    private static func shards(_ document: JSONValue) throws(AdapterError) -> [String: String] {
        var places: [String: String] = [:]
        do throws(JSONError) {
            for (tensor, name) in try JSONCursor(document)["weight_map"].members() { places[tensor] = try name.string() }
        } catch {
            throw AdapterError(.malformed, error.message, file: AdapterFile.weightsIndex, key: error.path)
        }
        let names = Set(places.values)
        guard !names.isEmpty else { throw AdapterError(.malformed, "no tensors", file: AdapterFile.weightsIndex, key: "weight_map") }
        guard names.count <= mostShards else {
            throw AdapterError(.limitExceeded, "\(names.count) files; at most \(mostShards) are read", file: AdapterFile.weightsIndex)
        }
        for name in names where !AdapterFile.isShard(name) || name.utf8.contains(UInt8(ascii: "/")) || name.utf8.count > 255 {
            throw AdapterError(
                .unsafePath, "\(quoted(name)) is not the name of a .safetensors file in this folder", file: AdapterFile.weightsIndex,
                key: "weight_map")
        }
        return places
    }

    func read(_ depth: AdapterContent.Depth) throws(AdapterError) -> SafetensorsFile {
        guard file.size <= limits.weightsBytes else {
            throw AdapterError(.limitExceeded, "\(file.size) bytes; at most \(limits.weightsBytes) are read", file: file.name)
        }
        let headerEnd = try headerEnd()
        let copy =
            switch depth {
            case .headers: try file.copy(first: headerEnd)
            case .everything: try file.copy(first: file.size)
            }
        return try AdapterError.converting(file: file.name) { () throws(WeightsError) in
            try SafetensorsFile.open(copy, limits: SafetensorsLimits(headerBytes: limits.headerBytes))
        }
    }

    /// Where the header ends. Errors: `notReady` when the file does, `malformed` for what is no safetensors file, `limitExceeded`
    /// when the header is too long.
    private func headerEnd() throws(AdapterError) -> Int {
        let first = try file.first(ForeignContent.firstBytes)
        guard first.count > Self.lengthBytes else {
            if let foreign = foreign(first) { throw foreign }
            throw AdapterError(.notReady, "\(file.size) bytes; the header begins with \(Self.lengthBytes)", file: file.name)
        }
        let length = (0..<Self.lengthBytes).reduce(UInt64(0)) { $0 | UInt64(first[$1]) << (8 * UInt64($1)) }
        // Room that was set aside for a file before its bytes are written.
        if length == 0, first.allSatisfy({ $0 == 0 }) {
            throw AdapterError(.notReady, "it begins with zeros, as a file that is not written yet", file: file.name)
        }
        if first[Self.lengthBytes] != UInt8(ascii: "{"), let foreign = foreign(first) { throw foreign }
        guard length <= UInt64(limits.headerBytes) else {
            throw AdapterError(
                .limitExceeded, "a header of \(length) bytes; at most \(limits.headerBytes) are read", file: file.name)
        }
        let end = Self.lengthBytes + Int(length)
        guard end <= file.size else {
            throw AdapterError(.notReady, "\(file.size) bytes; the header alone ends at \(end)", file: file.name)
        }
        return end
    }

    private func foreign(_ first: [UInt8]) -> AdapterError? {
        ForeignContent.error(first, expected: "safetensors", isText: false, file: file.name)
    }
}

extension AdapterError {
    /// What `body` gives, with the errors of this module.
    static func converting<Value>(file: String, _ body: () throws(WeightsError) -> Value) throws(AdapterError) -> Value {
        do throws(WeightsError) {
            return try body()
        } catch {
            throw AdapterError(error, file: file)
        }
    }

    /// An error of the format's reader. A file that is too short may still be being copied.
    init(_ error: WeightsError, file: String) {
        let code: Code =
            switch error.code {
            case .truncated: .notReady
            case .unsupported: .unsupported
            case .limitExceeded: .limitExceeded
            case .wrongShape: .wrongShape
            case .missingTensor: .missingTensor
            case .notFound, .unreadable, .unwritable, .noSpace: .io
            case .malformed, .duplicate, .missingKey, .wrongType: .malformed
            }
        self.init(code, error.message, file: file, tensor: error.tensor, key: error.key)
    }
}
