internal import Files
public import JSON
public import MergeMethods
internal import Models
internal import Tensors
internal import Weights

/// A model that a merge reads: a Hugging Face folder, or a GGUF file as if it were one. Only headers and small files are read when it opens,
/// and an adapter whole.
public final class MergeSource: Sendable {
    public let reference: ModelReference
    /// Where it lies.
    public let path: String
    /// `config.json`
    public let configuration: JSONValue
    /// By name.
    public let tensors: [String: SourceTensor]
    /// Names, layer by layer.
    public let names: [String]
    /// `num_hidden_layers`
    public let layers: Int
    /// The files as they were when they were opened.
    let stamps: [(path: String, stamp: FileStamp)]
    private let smallFiles: SmallFiles
    private let mappedFiles: [MappedFile]

    /// - Parameters:
    ///   - reference: what the recipe says.
    ///   - path: a folder or a `.gguf` file.
    ///   - adapter: the folder of the reference's adapter.
    ///   - opened: what is open already.
    ///
    /// Errors: `notFound`, `malformed`, `unsupported`, with the file and the tensor.
    public static func open(
        _ reference: ModelReference, at path: String, adapter: String? = nil, in opened: OpenedModels = OpenedModels()
    ) throws(MergeError) -> MergeSource {
        let model = try opened.model(at: path)
        let adapted: AdaptedTensors? = if let adapter { try AdaptedTensors(model.modelFiles(), adapter: adapter) } else { nil }
        return try MergeSource(reference, path, model, adapted)
    }

    /// Tensors of files, with an adapter where it changes them. A tied head that it changes by itself becomes a tensor of its own.
    private static func sourceTensors(_ tensors: [(tensor: CheckpointTensor, file: String)], _ adapted: AdaptedTensors?) -> [SourceTensor] {
        guard let adapted else { return tensors.map { SourceTensor($0.tensor, file: $0.file) } }
        var own = tensors.map { tensor, file in
            SourceTensor(tensor, file: file, adapted: adapted.isChanged(checkpoint: tensor.name) ? adapted.reader(of: tensor) : nil)
        }
        if adapted.untiesHead, let (embedding, file) = tensors.first(where: { TensorRole.isEmbedding($0.tensor.name) }) {
            let head = embedding.renamed(TensorRole.head)
            own.append(SourceTensor(head, file: file, adapted: adapted.reader(of: head)))
        }
        return own
    }

    private init(_ reference: ModelReference, _ path: String, _ model: OpenedModel, _ adapted: AdaptedTensors?) throws(MergeError) {
        self.reference = reference
        self.path = path
        smallFiles = model.smallFiles
        mappedFiles = model.mappedFiles
        guard let configuration = try smallFiles.json("config.json") else {
            throw MergeError(
                .notFound, "there is no model here: expected a folder with config.json and model*.safetensors, or a .gguf file", file: path)
        }
        self.configuration = configuration
        let own = Self.sourceTensors(model.tensors, adapted).filter { !TensorRole.isIgnored($0.name) }
        tensors = Dictionary(own.map { ($0.name, $0) }) { first, _ in first }
        names = own.map(\.name).sorted { ($0.layerOrder, $0) < ($1.layerOrder, $1) }
        let text = configuration["text_config"] ?? configuration
        guard let layers = (text["num_hidden_layers"] ?? text["n_layer"])?.intValue, 0...100_000 ~= layers else {
            throw MergeError(.malformed, "num_hidden_layers is missing, or is no number of layers", file: "\(path)/config.json")
        }
        self.layers = layers
        stamps = try Self.stamps(mappedFiles.map(\.path) + (adapted.map { ["\($0.folder)/adapter_config.json", "\($0.folder)/adapter_model.safetensors"] } ?? []))
    }

    /// `tokenizer.json`; nil where there is none. Errors: `malformed`.
    func tokenizer() throws(MergeError) -> JSONValue? { try smallFiles.json("tokenizer.json") }

    /// `model_type`, like `llama`.
    public var architecture: String { configuration["model_type"]?.stringValue ?? "?" }

    /// Rows of the embedding; nil where no tensor is one.
    var vocabularyRows: Int? { tensors.values.first { TensorRole.isEmbedding($0.name) }?.shape.first }

    /// A file beside the weights; nil: there is none. Errors: `malformed` when it cannot be read.
    func smallFile(_ name: String) throws(MergeError) -> [UInt8]? { try smallFiles.bytes(name) }

    /// Its JSON.
    func smallDocument(_ name: String) throws(MergeError) -> JSONValue? { try smallFiles.json(name) }

    /// The tensor under its name; a tied head is the embedding.
    func tensor(_ name: String) -> SourceTensor? {
        if let own = tensors[name] { return own }
        guard TensorRole.isHead(name) else { return nil }
        return tensors.values.first { TensorRole.isEmbedding($0.name) }
    }

    /// Lets the system drop the pages that were read.
    func giveBack() { mappedFiles.forEach { $0.advise(.dontNeed) } }

    /// Errors: `changed` when a file is no longer what it was when it was opened.
    func checkUnchanged() throws(MergeError) {
        let now = try Self.stamps(stamps.map(\.path))
        for (before, after) in zip(stamps, now) where before.stamp != after.stamp {
            throw MergeError(.changed, "the file changed while it was read; run the merge again when it is at rest", file: before.path)
        }
    }

    /// Of those that are there.
    private static func stamps(_ files: [String]) throws(MergeError) -> [(path: String, stamp: FileStamp)] {
        var stamps: [(path: String, stamp: FileStamp)] = []
        for file in files {
            do throws(FileError) {
                if let stamp = try FileStamp.of(file) { stamps.append((file, stamp)) }
            } catch {
                throw MergeError(.changed, error.message, file: error.path)
            }
        }
        return stamps
    }
}

extension String {
    /// Sorts tensors by their places in the model: what comes before the layers, the layers by number, what comes after.
    fileprivate var layerOrder: Int {
        if let (_, layer) = LayerName.split(self) { return layer }
        return TensorRole.isAfterLayers(self) ? Int.max : -1
    }
}
