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

    /// Runs a reader of this file. Errors: its own, and `truncated` when the file became shorter meanwhile, whatever the reader made
    /// of the zeros that it saw.
    func reading<Value>(_ body: () throws(WeightsError) -> Value) throws(WeightsError) -> Value {
        let result = Result { () throws(WeightsError) in try body() }
        do throws(MappedFileError) {
            try check()
        } catch {
            throw WeightsError(.truncated, error.message, file: path)
        }
        return try result.get()
    }
}
