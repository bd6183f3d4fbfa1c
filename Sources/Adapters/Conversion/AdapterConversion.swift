internal import Glibc
internal import JSON
public import Models
internal import Tensors
internal import Weights

/// Writes an adapter of any supported form as a PEFT folder: `adapter_config.json` and `adapter_model.safetensors`, with the other files of
/// the source (routing data, a chat template).
///
/// The result is loaded strictly before it gets its name. Nothing is overwritten.
public struct AdapterConversion: Sendable {
    /// What kind of files the source is.
    public enum Form: String, Sendable {
        case peft, gguf, mlx
    }

    public enum Target: String, Sendable, CaseIterable {
        /// The adapter's own family.
        case same
        /// A plain LoRA; only where one does exactly the same.
        case lora
    }

    public struct Outcome: Sendable, Equatable {
        /// Of the source.
        public var form: Form
        /// Of the result.
        public var summary: AdapterSummary
        /// Of the result.
        public var version: String
        public var tensorCount: Int
        /// Tensors that had another name in the source.
        public var renamedCount: Int
        /// Of the file of weights.
        public var byteCount: Int
    }

    private let loader: AdapterLoader
    private let limits: AdapterLimits

    public init(
        base: DecoderConfiguration, weights: BaseWeights? = nil, limits: AdapterLimits = .init(),
        registry: AdapterRegistry = .standard
    ) {
        loader = AdapterLoader(base: BaseModules(base, weights: weights), element: .f32, limits: limits, registry: registry)
        self.limits = limits
    }

    /// `source` is a folder, or a LoRA file of llama.cpp; `target` a folder that is not there yet, in one that is.
    ///
    /// Errors: `exists`, `unsupported` for what has no such form, why the source or the result does not load, `io`. Nothing is left
    /// behind then. Cost: `O(bytes)`.
    public func convert(_ source: String, to target: String, as kind: Target = .same) throws(AdapterError) -> Outcome {
        var target = target
        while target.count > 1, target.hasSuffix("/") { target.removeLast() }
        var status = stat()
        guard lstat(target, &status) != 0 else {
            throw AdapterError(.exists, "\(target) is there already; nothing is overwritten")
        }
        let read = try ConversionSource.read(source, for: loader.base, limits: limits)
        let partial = Self.partialPath(of: target)
        do throws(AdapterError) {
            try makeFolder(partial, from: read.directory)
            try write(read.document, read.tensors, to: partial)
            var loaded = try loader.load(try AdapterDirectory(path: partial))
            var tensors = read.tensors
            if kind == .lora {
                let plain = try PlainLoRA(loaded.delta, summary: loaded.summary)
                tensors = plain.tensors
                try write(plain.document, tensors, to: partial)
                loaded = try loader.load(try AdapterDirectory(path: partial))
            }
            try FolderCopy.move(partial, to: target)
            return Outcome(
                form: read.form, summary: loaded.summary, version: loaded.version, tensorCount: tensors.count,
                renamedCount: read.renamedCount, byteCount: tensors.reduce(0) { $0 + $1.byteCount })
        } catch {
            try? FolderCopy.delete(partial)
            throw error
        }
    }

    /// In the target's folder, so that it can be renamed; hidden, so that scans skip it.
    private static func partialPath(of target: String) -> String {
        guard let slash = target.lastIndex(of: "/") else { return ".partial-\(target)" }
        return "\(target[...slash]).partial-\(target[target.index(after: slash)...])"
    }

    /// With everything but configuration and weights.
    private func makeFolder(_ folder: String, from directory: AdapterDirectory?) throws(AdapterError) {
        if let directory {
            return try FolderCopy.copy(directory, to: folder, limits: limits) { !Self.isReplaced($0) }
        }
        try FolderCopy.make(folder)
    }

    private static func isReplaced(_ name: String) -> Bool {
        let lower = name.lowercased()
        return name == AdapterFile.configuration || AdapterFile.isGGUF(name)
            || ([".safetensors", ".index.json"] + AdapterFile.pickleEndings).contains(where: lower.hasSuffix)
    }

    private func write(_ document: JSONObject, _ tensors: [TensorView], to folder: String) throws(AdapterError) {
        let sorted = JSONObject(document.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        let text = JSONValue.object(sorted).serialized(pretty: true) + "\n"
        try FolderCopy.write(Array(text.utf8), to: "\(folder)/\(AdapterFile.configuration)")
        try AdapterError.converting(file: AdapterFile.weights) { () throws(WeightsError) in
            try SafetensorsWriter.write(tensors, metadata: ["format": "pt"], to: "\(folder)/\(AdapterFile.weights)")
        }
    }
}
