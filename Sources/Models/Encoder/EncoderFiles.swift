internal import Tensors
internal import Weights

/// The maps of an encoder layer.
enum EncoderProjection: Int, CaseIterable {
    case query, key, value, output, intermediate, down

    /// Below `encoder.layer.N.`.
    var checkpointName: String {
        switch self {
        case .query: "attention.self.query"
        case .key: "attention.self.key"
        case .value: "attention.self.value"
        case .output: "attention.output.dense"
        case .intermediate: "intermediate.dense"
        case .down: "output.dense"
        }
    }

    func shape(in configuration: EncoderConfiguration) -> (outputs: Int, inputs: Int) {
        switch self {
        case .query, .key, .value, .output: (configuration.hidden, configuration.hidden)
        case .intermediate: (configuration.feedForward, configuration.hidden)
        case .down: (configuration.hidden, configuration.feedForward)
        }
    }
}

/// An encoder's folder, opened and checked: `config.json` and `model*.safetensors`.
struct EncoderFiles {
    let path: String
    let configuration: EncoderConfiguration
    let mappedFiles: [MappedFile]
    private let source: SafetensorsFolder
    /// `bert.` in checkpoints of a model with a head.
    private let prefix: String

    init(_ path: String) throws(ModelError) {
        guard FileKind(path) == .folder else { throw ModelError(.notFound, "there is no such folder", file: path) }
        let folder = ModelFolder(path)
        self.path = path
        configuration = try EncoderConfiguration(
            huggingFace: folder.json("config.json"), name: path.split(separator: "/").last.map(String.init) ?? path,
            file: "\(path)/config.json")
        source = try ModelError.converting { () throws(WeightsError) in try SafetensorsFolder.open(path) }
        mappedFiles = source.files.map(\.file)
        prefix = source.tensors["bert.embeddings.word_embeddings.weight"] == nil ? "" : "bert."
    }

    /// Errors: `missingTensor`, `wrongShape`.
    func tensor(_ name: String, _ shape: [Int]) throws(ModelError) -> TensorView {
        try ModelError.converting { () throws(WeightsError) in try source.weights(prefix + name, shape: shape) }
    }

    /// Throws `unexpectedTensor` for a tensor of the layers or the embeddings that is not in `read`; unused heads and
    /// poolers are allowed.
    func refuseOthers(than read: Set<String>) throws(ModelError) {
        for name in source.tensors.keys.sorted() where !read.contains(name) {
            let plain = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
            guard plain.hasPrefix("encoder.") || plain.hasPrefix("embeddings."), plain != "embeddings.position_ids" else {
                continue
            }
            throw ModelError(.unexpectedTensor, "a bert model has no such tensor", file: path, tensor: name)
        }
    }
}
