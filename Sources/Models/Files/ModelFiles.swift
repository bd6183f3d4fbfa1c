package import Tensors
internal import Weights

/// A model on disk: a `.gguf` file, or a folder with `config.json`, `tokenizer.json` and `model*.safetensors`.
///
/// Opening reads only headers and checks them: every tensor of the configuration is present with its shape, and no other tensor
/// is. Weights stay mapped and are read when `DecoderWeights` are made.
public struct ModelFiles: Sendable {
    public enum TokenizerSource: Sendable {
        case gguf(GGUFTokenizer)
        /// `path` of `tokenizer.json`, and of `tokenizer_config.json` where there is one.
        case file(path: String, configPath: String?)
    }

    /// As given to `open`.
    public let path: String
    /// For messages and for `/v1/models`: the name of the file or folder, without its extension.
    public let name: String
    public let configuration: DecoderConfiguration
    public let tokenizer: TokenizerSource
    /// Jinja, as in the checkpoint.
    public let chatTemplate: String?
    /// The one for conversations with tools, where the files have a `tool_use` beside the `default`.
    public let toolTemplate: String?
    /// Text of the token that fills batches; nil where the files name none.
    public let padding: String?
    /// Hexadecimal; equal for equal names, sizes, headers and samples of the weights. Cheap: no file is read whole.
    public let identity: String
    /// Query and key rows are in the order of GGUF's Llama files, which interleave the halves of each head.
    let interleavesHeads: Bool
    /// Added to the weights of norms: Gemma's checkpoints hold them less 1, its GGUF files do not.
    let normOffset: Float
    /// Their pages are given back once weights are packed.
    package let mappedFiles: [MappedFile]
    /// Every tensor of the files, under the name that it has there.
    package let storedTensors: [String: TensorView]
    let isGGUF: Bool
    let prefix: CheckpointPrefix
    private let weights: [WeightName: TensorView]

    /// Errors: `notFound`; `malformed` files; `unsupported` architectures and options; `invalidConfiguration`;
    /// `missingTensor`, `unexpectedTensor` and `wrongShape`, which name the tensor, what was found and what was expected.
    public static func open(_ path: String) throws(ModelError) -> ModelFiles {
        switch FileKind(path) {
        case .folder: try open(folder: path)
        case .file: try open(gguf: path)
        case nil: throw ModelError(.notFound, "there is no such file or folder", file: path)
        }
    }

    private static func open(gguf path: String) throws(ModelError) -> ModelFiles {
        let file = try ModelError.converting { () throws(WeightsError) in try GGUFFile.open(path) }
        let configuration = try DecoderConfiguration(gguf: file, name: stem(of: path))
        let (tokenizer, template, toolTemplate) = try ModelError.converting { () throws(WeightsError) in
            (
                try GGUFTokenizer(file.metadata, vocabulary: configuration.vocabulary),
                try file.metadata.optionalString("tokenizer.chat_template"),
                try file.metadata.optionalString("tokenizer.chat_template.tool_use")
            )
        }
        return try ModelFiles(
            path: path, configuration: configuration, tokenizer: .gguf(tokenizer), chatTemplate: template,
            toolTemplate: toolTemplate, padding: tokenizer.padding.map { tokenizer.tokens[Int($0)] }, source: file,
            mappedFiles: [file.file], isGGUF: true)
    }

    private static func open(folder path: String) throws(ModelError) -> ModelFiles {
        let folder = ModelFolder(path)
        let config = try folder.json("config.json")
        let configuration = try DecoderConfiguration(huggingFace: config, name: stem(of: path), file: "\(path)/config.json")
        let source = try ModelError.converting { () throws(WeightsError) in try SafetensorsFolder.open(path) }
        let configPath = folder.has("tokenizer_config.json") ? "\(path)/tokenizer_config.json" : nil
        return try ModelFiles(
            path: path, configuration: configuration,
            tokenizer: .file(path: "\(path)/tokenizer.json", configPath: configPath), chatTemplate: folder.chatTemplate(), toolTemplate: folder.chatTemplate(named: "tool_use"),
            padding: folder.padding(), source: source, mappedFiles: source.files.map(\.file), isGGUF: false,
            isPart: config["text_config"] != nil)
    }

    private init(
        path: String, configuration: DecoderConfiguration, tokenizer: TokenizerSource, chatTemplate: String?,
        toolTemplate: String?, padding: String?, source: some TensorSource, mappedFiles: [MappedFile], isGGUF: Bool,
        isPart: Bool = false
    ) throws(ModelError) {
        self.path = path
        name = Self.stem(of: path)
        self.configuration = configuration
        self.tokenizer = tokenizer
        self.chatTemplate = chatTemplate
        self.toolTemplate = toolTemplate
        self.padding = padding
        self.mappedFiles = mappedFiles
        self.isGGUF = isGGUF
        storedTensors = source.tensors
        interleavesHeads = isGGUF && configuration.architecture.interleavesHeads
        normOffset = isGGUF ? 0 : configuration.checkpointNormOffset

        var weights: [WeightName: TensorView] = [:]
        let prefix = CheckpointPrefix(source)
        self.prefix = prefix
        var read: Set<String> =
            isGGUF ? [WeightName.rotaryDivisors.gguf, "rope_factors_long.weight", "rope_factors_short.weight"] : []
        for name in WeightName.all(in: configuration) {
            let place = WeightSource(name, in: configuration, isGGUF: isGGUF)
            weights[name] = try ModelError.converting { () throws(WeightsError) in
                try place.view(source, prefix: prefix)
            }
            read.formUnion(place.names(source, prefix: prefix))
        }
        self.weights = weights
        for name in source.tensors.keys.sorted()
        where !read.contains(name) && !Self.isRedundant(name, prefix, configuration) && !(isPart && CheckpointPrefix.isVision(name)) {
            throw ModelError(
                .unexpectedTensor, "a \(configuration.architecture.rawValue) model has no such tensor", file: source.path,
                tensor: name)
        }
        var fingerprint = Fingerprint()
        fingerprint.add(name)
        for file in mappedFiles { fingerprint.add(file.size) }
        for name in source.tensors.keys.sorted() {
            if let view = source.tensors[name] { fingerprint.add(view) }
        }
        identity = fingerprint.hexadecimal
        try checkWhole()
    }

    /// Throws `malformed` when a file became shorter since it was opened, so that what was read of it may be zeros. Call it after
    /// reading weights. Cost: a system call a file.
    public func checkWhole() throws(ModelError) { try mappedFiles.checkWhole() }

    /// Whether a part of a file was read that it no longer has. Cost: a load a file.
    var isDamaged: Bool { mappedFiles.contains(where: \.isDamaged) }

    /// A tensor that repeats another: a tied head that is written out, tables of old versions.
    private static func isRedundant(_ name: String, _ prefix: CheckpointPrefix, _ configuration: DecoderConfiguration) -> Bool {
        name.hasSuffix(".rotary_emb.inv_freq")
            || (configuration.tiedHead && name == prefix.spelled(WeightName.head.checkpoint(in: configuration)))
    }

    /// A tensor of the configuration, whose shape was checked.
    func tensor(_ name: WeightName) -> TensorView {
        guard let view = weights[name] else { preconditionFailure("tensor \(name.gguf) was not opened") }
        return view
    }

    /// Where the rows of a query or key matrix are in the file: row `i` in the order of Hugging Face is row `[i]` there. Nil: in
    /// the same place. GGUF's Llama files put the halves of each head, which are rotated together, side by side.
    func rowOrder(_ projection: Projection) -> [Int]? {
        guard interleavesHeads, projection == .query || projection == .key else { return nil }
        return configuration.interleavedRows(projection)
    }

    func rowOrder(_ name: WeightName) -> [Int]? {
        if case .weight(_, let projection) = name { rowOrder(projection) } else { nil }
    }

    /// The file's or folder's name without `.gguf`; for a snapshot of a hub's cache (`models--ORG--NAME/snapshots/COMMIT`) the repository's.
    private static func stem(of path: String) -> String {
        let parts = path.split(separator: "/")
        if parts.count >= 3, parts[parts.count - 2] == "snapshots", parts[parts.count - 3].hasPrefix("models--"),
            let name = String(parts[parts.count - 3]).split(separator: "--").last
        {
            return String(name)
        }
        let last = parts.last.map(String.init) ?? path
        return last.hasSuffix(".gguf") ? String(last.dropLast(5)) : last
    }
}
