public import Tensors
public import Weights

/// How a model is written: into which files and types, and where each row of a checkpoint's tensors goes.
///
/// Tensors have the names, shapes and row orders of Hugging Face checkpoints (see `CheckpointTensor`), whatever is written; `write` brings
/// rows into the files' order. Rows may come in any order, from any thread.
public struct ModelExport: Sendable {
    public typealias Tensor = (name: String, shape: [Int])

    /// For `WeightsWriter`.
    public let plan: WeightsPlan
    /// Tensors that did not get the type that was asked for: matrices whose rows are no whole number of its blocks.
    public let exceptions: [String]
    /// At the index of the tensor as it was given.
    private let entries: [Entry]
    private let indices: [String: Int]
    private let constants: [(index: Int, bytes: [UInt8])]

    private struct Entry: Sendable {
        /// Of the plan.
        var index: Int
        var encoder: ElementEncoder
        /// Where each row, or each element of a vector, goes; nil: it stays where it is.
        var order: [Int]?
        /// GGUF files have the 1 that Gemma adds to norms in them.
        var excess: Float = 0
        var isVector: Bool
    }

    /// A Hugging Face folder's `model*.safetensors`, all tensors of one type. Errors: `unsupported` for a quantised type, `malformed`,
    /// `limitExceeded`.
    public static func safetensors(
        _ tensors: [Tensor], as dtype: DType, shardBytes: Int = WeightsPlan.defaultShardBytes
    ) throws(ModelError) -> ModelExport {
        guard dtype.isEncodable, !dtype.isQuantized else {
            throw ModelError(.unsupported, "safetensors are written in f32, f16 and bf16, not in \(dtype.name)")
        }
        let plan = try ModelError.converting { () throws(WeightsError) in
            try WeightsPlan.safetensors(tensors.map { PlannedTensor($0.name, dtype, $0.shape) }, shardBytes: shardBytes)
        }
        var entries: [Entry] = []
        for (index, tensor) in tensors.enumerated() {
            entries.append(Entry(index: index, encoder: try encoder(dtype, tensor), order: nil, isVector: tensor.shape.count < 2))
        }
        return ModelExport(plan: plan, tensors: tensors, entries: entries)
    }

    /// One GGUF file that lmoe and llama.cpp read: matrices of the type, vectors in f32. A matrix whose rows are no whole number of the
    /// type's blocks gets the type that llama.cpp gives it, and is among `exceptions`. Errors: `unsupported` types, `unexpectedTensor`,
    /// `missingTensor`, `wrongShape`, `malformed`, `limitExceeded`.
    public static func gguf(_ tensors: [Tensor], as dtype: DType, head: GGUFHead, fileName: String = "model.gguf") throws(ModelError) -> ModelExport {
        guard dtype.isEncodable, dtype.ggufFileType != nil else {
            throw ModelError(.unsupported, "\(dtype.name) is not written; \(DType.allCases.filter(\.isEncodable).map(\.name).joined(separator: ", ")) are")
        }
        let configuration = head.configuration
        let known = Dictionary((WeightName.all(in: configuration) + [.head]).map { ($0.checkpoint(in: configuration), $0) }) { first, _ in first }
        var planned = head.constants.map(\.tensor)
        var (entries, exceptions): ([Entry], [String]) = ([], [])
        for tensor in tensors {
            guard let name = known[tensor.name] else {
                throw ModelError(.unexpectedTensor, "a \(configuration.architecture.rawValue) model of \(configuration.layers) layers has no such tensor", tensor: tensor.name)
            }
            guard tensor.shape == name.shape(in: configuration) else {
                throw ModelError.wrongShape(tensor.name, found: tensor.shape, expected: name.shape(in: configuration))
            }
            let isVector = tensor.shape.count < 2
            let type = isVector ? .f32 : dtype.fitting(columns: tensor.shape[1])
            if !isVector, type != dtype {
                exceptions.append("\(tensor.name): \(type.name), since rows of \(tensor.shape[1]) are no multiple of \(dtype.name)'s \(dtype.blockElements)")
            }
            entries.append(
                Entry(
                    index: planned.count, encoder: try encoder(type, tensor), order: name.interleavedOrder(in: configuration),
                    excess: name.isNorm ? configuration.checkpointNormOffset : 0, isVector: isVector))
            planned.append(PlannedTensor(name.gguf, type, tensor.shape))
        }
        let given = Set(tensors.map(\.name))
        if let missing = WeightName.all(in: configuration).map({ $0.checkpoint(in: configuration) }).first(where: { !given.contains($0) }) {
            throw ModelError(.missingTensor, "missing among the tensors that are to be written", tensor: missing)
        }
        let plan = try ModelError.converting { () throws(WeightsError) in
            try WeightsPlan.gguf(planned, metadata: head.pairs(for: dtype), named: fileName)
        }
        return ModelExport(
            plan: plan, tensors: tensors, entries: entries, exceptions: exceptions,
            constants: head.constants.enumerated().map { ($0.offset, $0.element.bytes) })
    }

    private init(plan: WeightsPlan, tensors: [Tensor], entries: [Entry], exceptions: [String] = [], constants: [(Int, [UInt8])] = []) {
        (self.plan, self.entries, self.exceptions, self.constants) = (plan, entries, exceptions, constants)
        indices = Dictionary(tensors.enumerated().map { ($1.name, $0) }) { first, _ in first }
    }

    private static func encoder(_ dtype: DType, _ tensor: Tensor) throws(ModelError) -> ElementEncoder {
        do throws(TensorError) {
            return try ElementEncoder(dtype, columns: tensor.shape.last ?? 1, tensor: tensor.name)
        } catch {
            throw ModelError(error.code == .unsupportedType ? .unsupported : .wrongShape, error.message, tensor: tensor.name)
        }
    }

    /// Of a checkpoint's tensor among those that were given.
    public func index(of name: String) -> Int? { indices[name] }

    /// The type that a tensor gets.
    public func dtype(of tensor: Int) -> DType { entries[tensor].encoder.dtype }

    /// Writes what belongs to the files beside the tensors. Once, after the files are created.
    public func writeConstants(to writer: WeightsWriter) throws(WeightsError) {
        for (index, bytes) in constants {
            try bytes.withUnsafeBytes { bytes in Result { () throws(WeightsError) in try writer.write(bytes, tensor: index) } }.get()
        }
    }

    /// Encodes and writes rows in f32, `[rows.count, columns]`; a vector is one row. Returns what the type could not hold. Cost: that of
    /// encoding; matrices whose rows change places are written fastest by whole heads.
    public func write(
        _ rows: Range<Int>, of tensor: Int, from x: UnsafePointer<Float>, to writer: WeightsWriter
    ) throws(WeightsError) -> EncodingLoss {
        let entry = entries[tensor]
        let (columns, rowBytes) = (entry.encoder.columns, entry.encoder.rowBytes)
        var source = x
        var changed: [Float] = []
        if entry.excess != 0 || (entry.isVector && entry.order != nil) {
            changed = (0..<rows.count * columns).map { x[$0] + entry.excess }
            if let order = entry.order, entry.isVector {
                for (place, target) in order.enumerated() { changed[target] = x[place] + entry.excess }
            }
        }
        var loss = EncodingLoss()
        var bytes = [UInt8](repeating: 0, count: rows.count * rowBytes)
        let order = entry.isVector ? nil : entry.order
        // The rows in the order of the file.
        let places = order.map { order in rows.map { order[$0] }.enumerated().sorted { $0.element < $1.element } }
        changed.withUnsafeBufferPointer { changed in
            if let base = changed.baseAddress, !changed.isEmpty { source = base }
            bytes.withUnsafeMutableBytes { out in
                guard let out = out.baseAddress else { return }
                guard let places else { return loss += entry.encoder.encode(source, rows: rows.count, into: out) }
                for (slot, place) in places.enumerated() {
                    loss += entry.encoder.encode(source + place.offset * columns, rows: 1, into: out + slot * rowBytes)
                }
            }
        }
        let targets = places?.map(\.element) ?? Array(rows)
        var first = 0
        while first < targets.count {
            var end = first + 1
            while end < targets.count, targets[end] == targets[end - 1] + 1 { end += 1 }
            let range = first * rowBytes..<end * rowBytes
            let offset = targets[first] * rowBytes
            try bytes.withUnsafeBytes { bytes in
                Result { () throws(WeightsError) in
                    try writer.write(UnsafeRawBufferPointer(rebasing: bytes[range]), tensor: entry.index, byteOffset: offset)
                }
            }.get()
            first = end
        }
        return loss
    }
}

extension DType {
    /// Itself, where rows of so many columns are whole blocks of it; else the type that llama.cpp takes instead.
    func fitting(columns: Int) -> DType {
        if columns % blockElements == 0 { return self }
        let other: DType =
            switch self {
            case .q4_K: .q5_0
            case .q5_K: .q5_1
            case .q6_K: .q8_0
            default: .f16
            }
        return other.fitting(columns: columns)
    }
}

extension WeightName {
    /// Where each row of a checkpoint's matrix, or element of its bias, goes in a GGUF file; nil: it stays.
    func interleavedOrder(in configuration: DecoderConfiguration) -> [Int]? {
        guard configuration.architecture.interleavesHeads else { return nil }
        switch self {
        case .weight(_, let projection), .bias(_, let projection):
            return projection == .query || projection == .key ? configuration.interleavedRows(projection) : nil
        default: return nil
        }
    }
}
