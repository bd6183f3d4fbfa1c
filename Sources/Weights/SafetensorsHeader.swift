internal import JSON
internal import Tensors

/// The beginning of a safetensors file: the header's length and its text, padded to 8 bytes.
enum SafetensorsHeader {
    /// Of tensors whose elements follow each other in this order. Errors: `unsupported` (quantised elements), `duplicate`,
    /// `limitExceeded`.
    static func bytes(
        _ tensors: [PlannedTensor], metadata: [String: String], file: String, limits: SafetensorsLimits = .init()
    ) throws(WeightsError) -> [UInt8] {
        var members: [(String, JSONValue)] = []
        var names: Set = [SafetensorsHeaderReader.metadataKey]
        if !metadata.isEmpty {
            let sorted = metadata.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
            members.append((SafetensorsHeaderReader.metadataKey, .object(JSONObject(sorted))))
        }
        var offset = 0
        for tensor in tensors {
            guard let dtype = SafetensorsDType.name(tensor.dtype), let count = TensorView.byteCount(dtype: tensor.dtype, shape: tensor.shape) else {
                throw WeightsError(.unsupported, "safetensors has no element type \(tensor.dtype.name)", file: file, tensor: tensor.name)
            }
            guard names.insert(tensor.name).inserted else {
                throw WeightsError(.duplicate, "the name is taken", file: file, tensor: tensor.name)
            }
            let entry: JSONValue = [
                "dtype": .string(dtype),
                "shape": .array(tensor.shape.map { .integer(Int64($0)) }),
                "data_offsets": [.integer(Int64(offset)), .integer(Int64(offset + count))],
            ]
            members.append((tensor.name, entry))
            offset += count
        }
        var text = JSONValue.object(JSONObject(members)).serializedBytes()
        text += repeatElement(UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
        guard text.count <= limits.headerBytes else {
            throw WeightsError(.limitExceeded, "a header of \(text.count) bytes, expected at most \(limits.headerBytes)", file: file)
        }
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    }
}
