internal import JSON
internal import Tensors
internal import Weights

/// The adapter to convert, with its elements, under PEFT's names.
struct ConversionSource {
    let form: AdapterConversion.Form
    /// `adapter_config.json` of the result.
    var document: JSONObject
    let tensors: [TensorView]
    /// How many had another name.
    let renamedCount: Int
    /// The folder with the adapter's other files (routing data, a chat template); nil when there are none.
    let directory: AdapterDirectory?

    private static let mlxWeights = "adapters.safetensors"

    /// A folder, or a `.gguf` file. Errors: as `AdapterContent.read`.
    static func read(_ path: String, for base: BaseModules, limits: AdapterLimits) throws(AdapterError) -> ConversionSource {
        if let (folder, name) = AdapterFile.lone(path) {
            return try gguf(name, try AdapterDirectory(path: folder), isFolder: false, base, limits)
        }
        let directory = try AdapterDirectory(path: path, followsSnapshots: true)
        let fingerprint = try directory.fingerprint()
        if let name = try AdapterContent.ggufFile(fingerprint) { return try gguf(name, directory, isFolder: true, base, limits) }
        guard let configuration = try directory.open(AdapterFile.configuration) else {
            throw MissingFile(directory, fingerprint).configuration()
        }
        let bytes = try configuration.contents(limit: limits.configurationBytes)
        guard case .object(let document) = try JSONText.parse(bytes, file: AdapterFile.configuration) else {
            throw AdapterError(.malformed, "expected an object", file: AdapterFile.configuration)
        }
        let isMLX = document["peft_type"] == nil && document["lora_parameters"] != nil
        guard let weights = try isMLX ? mlx(directory, limits) : WeightsReader.read(directory, .everything, limits: limits) else {
            throw MissingFile(directory, fingerprint).weights()
        }
        var source = try ConversionSource(
            form: isMLX ? .mlx : .peft, document: document, views: weights.tensors.values.sorted { $0.name < $1.name },
            directory: directory, file: weights.fileName(of: nil))
        if isMLX { source.document = try MLXConfiguration(document, tensors: source.tensors).document }
        return source
    }

    private static func mlx(_ directory: AdapterDirectory, _ limits: AdapterLimits) throws(AdapterError) -> AdapterWeights? {
        guard let file = try directory.open(mlxWeights) else { return nil }
        return AdapterWeights(try WeightsReader(file: file, limits: limits).read(.everything), of: file)
    }

    private static func gguf(
        _ name: String, _ directory: AdapterDirectory, isFolder: Bool, _ base: BaseModules, _ limits: AdapterLimits
    ) throws(AdapterError) -> ConversionSource {
        guard let file = try directory.open(name) else { throw AdapterError(.notFound, "no such file", file: name) }
        let adapter = try GGUFAdapter(file, depth: .everything, for: base, limits: limits)
        if let first = adapter.problems.first { throw first }
        return ConversionSource(
            form: .gguf, document: adapter.manifest.document,
            tensors: adapter.weights.tensors.values.sorted { $0.name < $1.name }, renamedCount: adapter.weights.tensors.count,
            directory: isFolder ? directory : nil)
    }

    private init(
        form: AdapterConversion.Form, document: JSONObject, tensors: [TensorView], renamedCount: Int, directory: AdapterDirectory?
    ) {
        self.form = form
        self.document = document
        self.tensors = tensors
        self.renamedCount = renamedCount
        self.directory = directory
    }

    /// Under PEFT's names. Errors: `malformed` when two tensors stand for the same.
    private init(
        form: AdapterConversion.Form, document: JSONObject, views: [TensorView], directory: AdapterDirectory, file: String
    ) throws(AdapterError) {
        var document = LegacyMixLoRA.document(document)
        var taken: [String: String] = [:]
        var tensors: [TensorView] = []
        var renamed = 0
        var alphas: [(String, JSONValue)] = []
        let type = document["peft_type"]?.stringValue
        for view in views {
            let canonical = CanonicalName(view.name, peftType: type)
            if canonical.isBaseCopy { continue }
            if let module = canonical.alphaOf, view.elementCount == 1, view.dtype.isFloatingPoint {
                alphas.append((module, .number(Double(view.floats()[0]))))
                continue
            }
            if let other = taken.updateValue(view.name, forKey: canonical.name) {
                throw AdapterError(
                    .malformed, "stands for \(canonical.name), and so does \(quoted(other))", file: file, tensor: view.name)
            }
            renamed += canonical.name == view.name ? 0 : 1
            tensors.append(canonical.isTransposed ? Self.transposed(view, canonical.name) : view.renamed(canonical.name))
        }
        if !alphas.isEmpty { document["alpha_pattern"] = .object(JSONObject(alphas)) }
        self.init(form: form, document: document, tensors: tensors, renamedCount: renamed, directory: directory)
    }

    /// The transposed matrix; what is no matrix of plain elements is left as it is, and the loader refuses it.
    private static func transposed(_ view: TensorView, _ name: String) -> TensorView {
        guard view.shape.count == 2, StoredTensor.isKept(view.dtype) else { return view.renamed(name) }
        let (rows, columns, width) = (view.shape[0], view.shape[1], view.dtype.blockBytes)
        let bytes = [UInt8](unsafeUninitializedCapacity: view.byteCount) { buffer, count in
            view.withUnsafeBytes { source in
                for row in 0..<rows {
                    for column in 0..<columns {
                        for byte in 0..<width {
                            buffer[(column * rows + row) * width + byte] = source[(row * columns + column) * width + byte]
                        }
                    }
                }
            }
            count = view.byteCount
        }
        let turned = bytes.withUnsafeBytes { TensorView(name: name, dtype: view.dtype, shape: [columns, rows], copying: $0) }
        return turned ?? view.renamed(name)
    }
}
