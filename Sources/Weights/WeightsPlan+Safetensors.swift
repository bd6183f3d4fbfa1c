internal import JSON
internal import Tensors

extension WeightsPlan {
    /// 5 GB, as mergekit and transformers have it.
    public static let defaultShardBytes = 5_000_000_000

    /// `model.safetensors`, or shards `model-00001-of-0000N.safetensors` and `model.safetensors.index.json`.
    ///
    /// Tensors fill shards in the order in which they are given: one that would make a shard's tensors larger than `shardBytes` begins
    /// the next, so that a shard holds at least one. Inside a shard, wider element types come first, so that every element is aligned.
    /// Errors: `unsupported` for quantised types, `duplicate`, `malformed` shapes, `limitExceeded` for more than
    /// `SafetensorsLimits.shards` or a header longer than `headerBytes`.
    public static func safetensors(
        _ tensors: [PlannedTensor], shardBytes: Int = defaultShardBytes, metadata: [String: String] = ["format": "pt"],
        named name: String = "model", limits: SafetensorsLimits = .init()
    ) throws(WeightsError) -> WeightsPlan {
        let shown = "\(name).safetensors"
        let counts = try byteCounts(tensors, file: shown)
        let shards = Self.shards(counts, limit: shardBytes)
        guard shards.count <= limits.shards, shards.count < 100_000 else {
            throw WeightsError(.limitExceeded, "\(shards.count) shards, expected at most \(limits.shards); raise the size of a shard", file: shown)
        }
        var files: [File] = []
        var places = [Place?](repeating: nil, count: tensors.count)
        for (number, shard) in shards.enumerated() {
            let fileName = shards.count == 1 ? shown : "\(name)-\(fiveDigits(number + 1))-of-\(fiveDigits(shards.count)).safetensors"
            let ordered = shard.sorted { (tensors[$1].dtype.blockBytes, $0) < (tensors[$0].dtype.blockBytes, $1) }
            let head = try SafetensorsHeader.bytes(ordered.map { tensors[$0] }, metadata: metadata, file: fileName, limits: limits)
            var offset = head.count
            for index in ordered {
                places[index] = Place(file: number, offset: offset, byteCount: counts[index])
                offset += counts[index]
            }
            files.append(File(name: fileName, size: offset, head: head))
        }
        let placed = places.compactMap { $0 }
        if shards.count > 1 {
            let index = index(tensors, placed, files)
            files.append(File(name: "\(name).safetensors.index.json", size: index.count, head: index))
        }
        return WeightsPlan(files: files, tensors: tensors, places: placed)
    }

    private static func shards(_ counts: [Int], limit: Int) -> [Range<Int>] {
        var shards: [Range<Int>] = []
        var (start, bytes) = (0, 0)
        for (index, count) in counts.enumerated() {
            if index > start, bytes + count > limit {
                shards.append(start..<index)
                (start, bytes) = (index, 0)
            }
            bytes += count
        }
        return shards + [start..<counts.count]
    }

    private static func index(_ tensors: [PlannedTensor], _ places: [Place], _ files: [File]) -> [UInt8] {
        let total = places.reduce(0) { $0 + $1.byteCount }
        let map = zip(tensors, places).map { ($0.name, JSONValue.string(files[$1.file].name)) }
        let index: JSONValue = ["metadata": ["total_size": .integer(Int64(total))], "weight_map": .object(JSONObject(map))]
        return index.serializedBytes() + [UInt8(ascii: "\n")]
    }

    private static func fiveDigits(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
