internal import Tensors

extension [MappedFile] {
    /// Throws `malformed` when one of them became shorter since it was mapped: what was read may be zeros. Call it after reading.
    func checkWhole() throws(ModelError) {
        for file in self {
            do throws(MappedFileError) {
                try file.check()
            } catch {
                throw ModelError(.malformed, error.message, file: file.path)
            }
        }
    }
}
