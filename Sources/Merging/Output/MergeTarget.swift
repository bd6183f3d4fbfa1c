internal import MergeMethods
internal import Models
internal import Tensors
internal import Weights

/// Into which files a merge writes, and how rows of f32 become their bytes.
enum MergeTarget {
    /// A Hugging Face folder: a tensor's number is that of the plan. Tables of integers have no encoder.
    case folder(WeightsPlan, [ElementEncoder?])
    /// One GGUF file.
    case gguf(ModelExport)

    /// The name of a GGUF file in its hidden folder.
    static let fileName = "model.gguf"

    /// Errors: `unsupported` for types and models that are not written, `malformed`, `limitExceeded`.
    init(folder plan: MergePlan, shardBytes: Int) throws(MergeError) {
        let weights = try MergeError.converting { () throws(WeightsError) in
            try WeightsPlan.safetensors(plan.tensors.map { PlannedTensor($0.name, $0.dtype, $0.shape) }, shardBytes: shardBytes)
        }
        var encoders: [ElementEncoder?] = []
        for tensor in plan.tensors {
            do throws(TensorError) {
                encoders.append(tensor.work == .equal ? nil : try ElementEncoder(tensor.dtype, columns: tensor.shape.last ?? 1, tensor: tensor.name))
            } catch {
                throw MergeError(.unsupported, error.message, tensor: tensor.name)
            }
        }
        self = .folder(weights, encoders)
    }

    /// - Parameter dtype: of matrices. Nil: that of the recipe.
    init(gguf plan: MergePlan, dtype: DType?) throws(MergeError) {
        if let vocabulary = plan.vocabulary, vocabulary.document != nil || vocabulary.donor != plan.donor {
            throw MergeError(
                .unsupported, "a GGUF file gets the tokenizer of the model that gives its metadata, and this recipe makes another: write a folder",
                file: "\(plan.recipe.file):\(plan.recipe.tokenizer?.line ?? 1)")
        }
        if plan.recipe.chatTemplate != nil {
            throw MergeError(.unsupported, "a GGUF file gets the chat template of the model that gives its metadata: leave `chat_template` out, or write a folder", file: plan.recipe.file)
        }
        let donor = plan.sources[plan.donor]
        let export = try MergeError.converting { () throws(ModelError) in
            let head = try GGUFHead(ModelFiles.open(donor.path), layers: plan.layers)
            return try ModelExport.gguf(
                plan.tensors.map { ($0.name, $0.shape) }, as: dtype ?? plan.recipe.outDtype ?? plan.recipe.dtype ?? .f16, head: head, fileName: Self.fileName)
        }
        self = .gguf(export)
    }

    var weights: WeightsPlan {
        switch self {
        case .folder(let plan, _): plan
        case .gguf(let export): export.plan
        }
    }

    var fileName: String? { if case .gguf = self { Self.fileName } else { nil } }

    /// Writes what belongs to new files beside tensors.
    func begin(_ writer: WeightsWriter) throws(WeightsError) {
        if case .gguf(let export) = self { try export.writeConstants(to: writer) }
    }

    /// Encodes and writes rows of a tensor. Returns what its type could not hold.
    func write(
        _ rows: Range<Int>, of tensor: Int, from values: UnsafePointer<Float>, to writer: WeightsWriter
    ) throws(WeightsError) -> EncodingLoss {
        switch self {
        case .gguf(let export): return try export.write(rows, of: tensor, from: values, to: writer)
        case .folder(_, let encoders):
            guard let encoder = encoders[tensor] else { preconditionFailure("integers have no encoder") }
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: rows.count * encoder.rowBytes, alignment: 64)
            defer { bytes.deallocate() }
            guard let base = bytes.baseAddress else { return EncodingLoss() }
            let loss = encoder.encode(values, rows: rows.count, into: base)
            try writer.write(UnsafeRawBufferPointer(bytes), tensor: tensor, byteOffset: rows.lowerBound * encoder.rowBytes)
            return loss
        }
    }
}
