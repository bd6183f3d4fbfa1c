internal import Tensors

extension MappedFile {
    /// Maps a file of weights.
    static func opened(_ path: String) throws(WeightsError) -> MappedFile {
        do {
            return try MappedFile(path: path)
        } catch {
            throw WeightsError(error.code == .notFound ? .notFound : .unreadable, error.message, file: path)
        }
    }
}
