internal import MergeMethods
internal import Models
internal import Tensors
internal import Weights

/// The models of a recipe by their places: one that several references name is opened once.
public final class OpenedModels {
    private var models: [String: OpenedModel] = [:]

    public init() {}

    func model(at path: String) throws(MergeError) -> OpenedModel {
        if let known = models[path] { return known }
        let model = try OpenedModel(path)
        models[path] = model
        return model
    }
}

/// A model's headers, and its small files.
struct OpenedModel {
    let smallFiles: SmallFiles
    let tensors: [(tensor: CheckpointTensor, file: String)]
    let mappedFiles: [MappedFile]
    private let path: String
    private let files: ModelFiles?

    /// Errors: `notFound`, `malformed`, `unsupported`.
    init(_ path: String) throws(MergeError) {
        self.path = path
        guard path.hasSuffix(".gguf") else {
            let folder = try MergeError.converting { () throws(WeightsError) in try SafetensorsFolder.open(path) }
            smallFiles = SmallFiles(folder: path)
            tensors = folder.files.flatMap { file in file.tensors.values.map { (CheckpointTensor($0), file.path) } }
            mappedFiles = folder.files.map(\.file)
            files = nil
            return
        }
        // As the Hugging Face folder that it was made of.
        let (files, made, own) = try MergeError.converting { () throws(ModelError) in
            let files = try ModelFiles.open(path)
            return (files, try CheckpointDocuments(files, dtype: .f16).files, try files.checkpointTensors())
        }
        smallFiles = SmallFiles(of: path, made: Dictionary(uniqueKeysWithValues: made.map { ($0.name, $0.bytes) }))
        tensors = own.map { ($0, path) }
        mappedFiles = files.mappedFiles
        self.files = files
    }

    /// For adapters, which need the configuration. Errors: those of `ModelFiles.open`.
    func modelFiles() throws(MergeError) -> ModelFiles {
        if let files { return files }
        return try MergeError.converting { () throws(ModelError) in try ModelFiles.open(path) }
    }
}
