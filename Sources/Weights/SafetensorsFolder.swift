internal import JSON
public import Tensors

/// The safetensors files of one model: `model.safetensors`, or shards named by `model.safetensors.index.json`.
public struct SafetensorsFolder: TensorSource {
    /// The folder, as given to `open`.
    public let path: String
    public let tensors: [String: TensorView]
    /// One, or the shards in the order of their names.
    public let files: [SafetensorsFile]

    /// Opens all files of a model. Errors: those of `SafetensorsFile.open`; `missingTensor` when a shard lacks what the
    /// index says it has, `duplicate` when two shards have a tensor, `malformed` when the index names a file outside the
    /// folder or leaves a tensor out.
    ///
    /// As Hugging Face does, `NAME.safetensors` is preferred to `NAME.safetensors.index.json` where both exist.
    public static func open(
        _ path: String, named name: String = "model", limits: SafetensorsLimits = .init()
    ) throws(WeightsError) -> SafetensorsFolder {
        do throws(WeightsError) {
            let file = try SafetensorsFile.open("\(path)/\(name).safetensors", limits: limits)
            return SafetensorsFolder(path: path, tensors: file.tensors, files: [file])
        } catch where error.code == .notFound {}
        let indexPath = "\(path)/\(name).safetensors.index.json"
        do throws(WeightsError) {
            return try SafetensorsFolder(path: path, index: try ShardIndex(path: indexPath, limits: limits), limits: limits)
        } catch where error.code == .notFound && error.file == indexPath {
            throw WeightsError(
                .notFound, "there is neither \(name).safetensors nor \(name).safetensors.index.json", file: path)
        }
    }

    private init(path: String, tensors: [String: TensorView], files: [SafetensorsFile]) {
        self.path = path
        self.tensors = tensors
        self.files = files
    }

    private init(path: String, index: ShardIndex, limits: SafetensorsLimits) throws(WeightsError) {
        var tensors: [String: TensorView] = [:]
        var files: [SafetensorsFile] = []
        for shard in index.shards {
            let file = try SafetensorsFile.open("\(path)/\(shard)", limits: limits)
            for (name, view) in file.tensors {
                if let other = index.shardOfTensor[name], other != shard {
                    throw WeightsError(
                        .duplicate, "in this file, and in \(other) by the index", file: file.path, tensor: name)
                }
                guard index.shardOfTensor[name] == shard else {
                    throw WeightsError(.malformed, "not in the index", file: file.path, tensor: name)
                }
                tensors[name] = view
            }
            files.append(file)
        }
        for (name, shard) in index.shardOfTensor.sorted(by: { $0.key < $1.key }) where tensors[name] == nil {
            throw WeightsError(
                .missingTensor, "missing; the index says that it is in this file", file: "\(path)/\(shard)", tensor: name)
        }
        self.init(path: path, tensors: tensors, files: files)
    }
}

/// Which file holds each tensor.
private struct ShardIndex {
    var shardOfTensor: [String: String] = [:]
    var shards: [String] = []

    init(path: String, limits: SafetensorsLimits) throws(WeightsError) {
        let file = try MappedFile.opened(path)
        guard file.size <= limits.headerBytes else {
            throw WeightsError(
                .limitExceeded, "\(file.size) bytes found, expected at most \(limits.headerBytes)", file: path)
        }
        let members: [(key: String, value: JSONCursor)]
        let parsed: JSONValue = try file.reading { () throws(WeightsError) in
            do throws(JSONError) {
                return try JSONValue.parse(file.bytes, maxDepth: 8)
            } catch {
                // A text that ends too early may still be being copied.
                throw WeightsError(error.code == .syntax ? .truncated : .malformed, "no valid index: \(error)", file: path)
            }
        }
        do throws(JSONError) {
            members = try JSONCursor(parsed)["weight_map"].members()
            for (tensor, cursor) in members { shardOfTensor[tensor] = try cursor.string() }
        } catch {
            throw WeightsError(.malformed, "no valid index: \(error)", file: path)
        }
        shards = Set(shardOfTensor.values).sorted()
        guard shards.count <= limits.shards else {
            throw WeightsError(
                .limitExceeded, "\(shards.count) shards found, expected at most \(limits.shards)", file: path)
        }
        guard !shards.isEmpty else { throw WeightsError(.malformed, "no tensors", file: path, key: "weight_map") }
        for shard in shards where !Self.isPlainName(shard) {
            throw WeightsError(
                .malformed, "\(quoted(shard)) is not the name of a .safetensors file in this folder", file: path,
                key: "weight_map")
        }
    }

    /// A file name, not a path: an index must not lead out of its folder.
    private static func isPlainName(_ name: String) -> Bool {
        name.hasSuffix(".safetensors") && !name.hasPrefix(".") && !name.utf8.contains(UInt8(ascii: "/"))
            && !name.utf8.contains(0) && name.utf8.count <= 255
    }
}
