internal import MergeMethods
internal import Models

extension MergeSource {
    /// A GGUF file as the Hugging Face folder that it was made of.
    static func openGGUF(_ reference: ModelReference, _ path: String, _ adapted: AdaptedTensors?) throws(MergeError) -> MergeSource {
        let (files, tensors, made) = try MergeError.converting { () throws(ModelError) in
            let files = try adapted?.files ?? ModelFiles.open(path)
            return (files, try files.checkpointTensors(), try CheckpointFolder(files, dtype: .f16).files)
        }
        let smallFiles = SmallFiles(of: path, made: Dictionary(uniqueKeysWithValues: made.map { ($0.name, $0.bytes) }))
        return try MergeSource(
            reference, path, smallFiles, sourceTensors(tensors.map { ($0, path) }, adapted), files.mappedFiles, adapter: adapted?.folder)
    }
}
