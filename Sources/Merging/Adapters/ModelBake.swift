public import MergeMethods
internal import Models
internal import Synchronization
public import Tensors
internal import Weights

/// A model with an adapter in its weights, written as a model of its own: `lmoe bake`.
///
/// A GGUF file becomes a GGUF file, a Hugging Face folder a folder of safetensors. Tensors that the adapter leaves alone keep their bytes, unless
/// another type is asked for. Rows are read, adapted in f32 and rounded once; no model is in memory. It is written under a hidden name,
/// opened as serving opens it, and renamed.
public struct ModelBake: Sendable {
    /// Of matrices, and in folders of vectors too; nil: each tensor keeps its type, but changed ones of types that are coarser than q8_0
    /// become q8_0.
    public var dtype: DType?
    public var shardBytes: Int
    /// A model that was baked before may be replaced.
    public var replaces: Bool
    /// What is written is read again, and compared.
    public var isChecked: Bool

    public init(dtype: DType? = nil, shardBytes: Int = 5_000_000_000, replaces: Bool = false, isChecked: Bool = false) {
        (self.dtype, self.shardBytes, self.replaces, self.isChecked) = (dtype, shardBytes, replaces, isChecked)
    }

    public struct Report: Sendable {
        public var tensorCount = 0
        public var changedCount = 0
        public var byteCount = 0
        /// Tensors by the name of their type.
        public var types: [String: Int] = [:]
        /// Nil where nothing was compared.
        public var check: BakeCheck?
    }

    /// Writes the model. Errors: `exists`; `unsupported` for a type that is not written, or not to such files; `noRoom`, `unwritable`;
    /// `nonFinite` for an element that the type cannot hold; those of `AdaptedTensors`. Nothing is left behind then.
    ///
    /// - Parameters:
    ///   - target: a folder, or a path that ends in `.gguf`.
    ///   - progress: told the bytes that are written, and all of them.
    public func write(
        _ adapted: AdaptedTensors, adapter: String, to target: String, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(MergeError) -> Report {
        let source = try BakeSource(adapted, path: adapted.files.path)
        guard source.isGGUF == target.hasSuffix(".gguf") else {
            throw MergeError(
                .unsupported,
                source.isGGUF ? "\(adapted.files.path) is a GGUF file, and the result is one, too: end its name in .gguf"
                    : "\(adapted.files.path) is a folder of safetensors, and the result is one, too: it cannot be a .gguf file", file: target)
        }
        if let dtype, !dtype.isEncodable || (dtype.isQuantized && !source.isGGUF) {
            let known = DType.allCases.filter { $0.isEncodable && (source.isGGUF || !$0.isQuantized) }.map(\.name).joined(separator: ", ")
            throw MergeError(.unsupported, "\(dtype.name) is not written to such files; known are \(known)", file: target)
        }
        let types = try source.names.map { (name) throws(MergeError) in try type(of: name, source) }
        let stage = try StagedModel(target, replaces: replaces, mark: BakeSource.mark)
        do throws(MergeError) {
            // What a process left that ended too early.
            try stage.empty()
            let plan = try source.plan(types, name: stage.name, shardBytes: shardBytes, dtype: dtype)
            let writer = try MergeError.converting { () throws(WeightsError) in try WeightsWriter.create(plan, in: stage.path) }
            var report = Report(tensorCount: plan.tensors.count, byteCount: plan.byteCount)
            let total = plan.places.reduce(0) { $0 + $1.byteCount }
            var done = 0
            for (index, tensor) in plan.tensors.enumerated() {
                try write(tensor, index, source, writer)
                report.changedCount += source.entries[tensor.name]?.isChanged == true ? 1 : 0
                report.types[tensor.dtype.name, default: 0] += 1
                done += plan.places[index].byteCount
                progress(done, total)
            }
            for (name, bytes) in try source.smallFiles(name: stage.name, adapter: adapter, dtype: dtype) { try stage.write(bytes, to: name) }
            try MergeError.converting { () throws(WeightsError) in try writer.finish() }
            let file = source.isGGUF ? stage.name : nil
            let written = try Self.opened(file.map { "\(stage.path)/\($0)" } ?? stage.path)
            if isChecked { report.check = try BakeCheck(written, adapted) }
            try stage.commit(file: file)
            return report
        } catch {
            // The reason for which it is given up is the one to report.
            stage.giveUp()
            throw error
        }
    }

    /// What was written, as serving opens it.
    private static func opened(_ path: String) throws(MergeError) -> ModelFiles {
        do throws(ModelError) {
            return try ModelFiles.open(path)
        } catch {
            throw MergeError(.malformed, "what was written is no model that is served: \(error.message)", file: error.file ?? path, tensor: error.tensor)
        }
    }

    private func type(of name: String, _ source: BakeSource) throws(MergeError) -> DType {
        guard let entry = source.entries[name] else { preconditionFailure("\(name) is no tensor of the source") }
        guard entry.dtype.isFloatingPoint else { return entry.dtype }
        let isMatrix = entry.shape.count > 1
        var wanted = entry.dtype
        if let dtype {
            wanted = isMatrix || !source.isGGUF ? dtype : entry.dtype
        } else if entry.isChanged {
            switch entry.dtype {
            case .f32, .f16, .bf16, .q8_0: break
            default: wanted = source.isGGUF ? .q8_0 : .f32
            }
        }
        guard wanted.isQuantized, (entry.shape.last ?? 1) % wanted.blockElements != 0 else { return wanted }
        return entry.dtype == wanted ? wanted : .f16
    }

    private func write(_ tensor: PlannedTensor, _ index: Int, _ source: BakeSource, _ writer: WeightsWriter) throws(MergeError) {
        let entry = source.entries[tensor.name]
        if entry?.isChanged == false, entry?.dtype == tensor.dtype, let view = source.adapted.files.storedTensors[tensor.name] {
            return try Self.copy(view, index, writer)
        }
        let rows = tensor.shape.dropLast().reduce(1, *)
        let columns = tensor.shape.last ?? 1
        let encoder: ElementEncoder
        do throws(TensorError) {
            encoder = try ElementEncoder(tensor.dtype, columns: columns, tensor: tensor.name)
        } catch {
            throw MergeError(.unsupported, error.message, tensor: error.tensor)
        }
        let reader = try source.adapted.reader(of: tensor.name)
        let step = max(1, (64 << 10) / max(columns, 1))
        let failure = Mutex<MergeError?>(nil)
        Parallel.forEach((rows + step - 1) / step) { pieces in
            let values = FloatBuffer(count: step * columns)
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: step * encoder.rowBytes, alignment: 64)
            defer { bytes.deallocate() }
            for piece in pieces where failure.withLock({ $0 == nil }) {
                let range = piece * step..<min((piece + 1) * step, rows)
                do throws(MergeError) {
                    try reader.read(range, into: values.pointer)
                    guard let base = bytes.baseAddress, encoder.encode(values.pointer, rows: range.count, into: base).isEmpty else {
                        throw MergeError(
                            .nonFinite, "a row of \(range) has an element that \(tensor.dtype.name) cannot hold: choose a wider --type", tensor: tensor.name)
                    }
                    try MergeError.converting { () throws(WeightsError) in
                        try writer.write(
                            UnsafeRawBufferPointer(rebasing: bytes[..<(range.count * encoder.rowBytes)]), tensor: index,
                            byteOffset: range.lowerBound * encoder.rowBytes)
                    }
                } catch {
                    failure.withLock { $0 = $0 ?? error }
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
    }

    private static let copiedBytes = 8 << 20

    private static func copy(_ view: TensorView, _ index: Int, _ writer: WeightsWriter) throws(MergeError) {
        try view.withUnsafeBytes { (bytes) throws(MergeError) in
            for first in stride(from: 0, to: bytes.count, by: copiedBytes) {
                let piece = UnsafeRawBufferPointer(rebasing: bytes[first..<min(first + copiedBytes, bytes.count)])
                try MergeError.converting { () throws(WeightsError) in try writer.write(piece, tensor: index, byteOffset: first) }
            }
        }
        do throws(MappedFileError) {
            try view.check()
        } catch {
            throw MergeError(.changed, error.message, file: error.path, tensor: view.name)
        }
    }
}
