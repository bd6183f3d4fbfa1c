extension WeightsPlan {
    /// Bytes of a tensor's name in llama.cpp, without its final NUL.
    static let ggufNameBytes = 63
    static let ggufAlignment = 32

    /// One GGUF file, version 3. Tensors lie in the order in which they are given, each at a multiple of 32 bytes.
    ///
    /// `metadata` must have `general.architecture`; a `general.alignment` in it is left out. Errors: `unsupported` for element types that
    /// GGML does not have, `duplicate` names and keys, `missingKey`, `malformed` shapes, `limitExceeded` for names and dimensions beyond what
    /// llama.cpp reads.
    public static func gguf(
        _ tensors: [PlannedTensor], metadata: [GGUFField], named fileName: String = "model.gguf", limits: GGUFLimits = .init()
    ) throws(WeightsError) -> WeightsPlan {
        let counts = try byteCounts(tensors, file: fileName)
        let pairs = metadata.filter { $0.key != "general.alignment" }
        try check(pairs, file: fileName, limits: limits)
        guard tensors.count <= limits.tensors else {
            throw WeightsError(.limitExceeded, "\(tensors.count) tensors, expected at most \(limits.tensors)", file: fileName)
        }

        var header = GGUFEncoder()
        header.put(raw: Array("GGUF".utf8))
        header.put(UInt32(3))
        header.put(UInt64(tensors.count))
        header.put(UInt64(pairs.count))
        for pair in pairs {
            header.put(pair.key)
            header.put(pair.type.rawValue)
            header.put(raw: pair.bytes)
        }
        var offset = 0
        for (tensor, count) in zip(tensors, counts) {
            try put(tensor, offset, into: &header, file: fileName)
            offset = padded(offset + count)
        }
        header.pad(to: ggufAlignment)

        var places: [Place] = []
        var place = header.bytes.count
        for count in counts {
            places.append(Place(file: 0, offset: place, byteCount: count))
            place = padded(place + count)
        }
        return WeightsPlan(files: [File(name: fileName, size: place, head: header.bytes)], tensors: tensors, places: places)
    }

    private static func padded(_ offset: Int) -> Int { (offset + ggufAlignment - 1) / ggufAlignment * ggufAlignment }

    private static func put(_ tensor: PlannedTensor, _ offset: Int, into header: inout GGUFEncoder, file: String) throws(WeightsError) {
        guard let type = GGUFTensorType.number(tensor.dtype) else {
            throw WeightsError(.unsupported, "GGUF has no element type \(tensor.dtype.name)", file: file, tensor: tensor.name)
        }
        guard tensor.name.utf8.count <= ggufNameBytes, !tensor.name.utf8.contains(0) else {
            throw WeightsError(
                .limitExceeded, "a name of \(tensor.name.utf8.count) bytes, expected at most \(ggufNameBytes) and no NUL", file: file, tensor: tensor.name)
        }
        guard tensor.shape.count <= 4 else {
            throw WeightsError(.limitExceeded, "\(tensor.shape.count) dimensions, expected at most 4", file: file, tensor: tensor.name)
        }
        header.put(tensor.name)
        header.put(UInt32(tensor.shape.count))
        for size in tensor.shape.reversed() { header.put(UInt64(size)) }
        header.put(type)
        header.put(UInt64(offset))
    }

    private static func check(_ pairs: [GGUFField], file: String, limits: GGUFLimits) throws(WeightsError) {
        guard pairs.contains(where: { $0.key == "general.architecture" && $0.type == .string }) else {
            throw WeightsError(.missingKey, "missing", file: file, key: "general.architecture")
        }
        guard pairs.count <= limits.keys else {
            throw WeightsError(.limitExceeded, "\(pairs.count) metadata pairs, expected at most \(limits.keys)", file: file)
        }
        var keys: Set<String> = []
        for pair in pairs {
            guard pair.key.utf8.count <= limits.keyBytes else {
                throw WeightsError(.limitExceeded, "a key of \(pair.key.utf8.count) bytes, expected at most \(limits.keyBytes)", file: file, key: quoted(pair.key))
            }
            guard keys.insert(pair.key).inserted else {
                throw WeightsError(.duplicate, "there are two values of this key", file: file, key: quoted(pair.key))
            }
        }
    }
}
