internal import MergeMethods

extension MergeSource {
    static func openGGUF(_ reference: ModelReference, _ path: String, _ adapted: AdaptedTensors?) throws(MergeError) -> MergeSource {
        throw MergeError(.unsupported, "GGUF sources come next", file: path)
    }
}
