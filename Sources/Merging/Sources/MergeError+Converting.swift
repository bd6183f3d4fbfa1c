internal import MergeMethods
internal import Models
internal import Weights

extension MergeError {
    /// The result of `body`, whose errors keep their file and tensor.
    static func converting<Value>(_ body: () throws(WeightsError) -> Value) throws(MergeError) -> Value {
        do throws(WeightsError) {
            return try body()
        } catch {
            throw MergeError(error)
        }
    }

    init(_ error: WeightsError) {
        let code: Code =
            switch error.code {
            case .notFound, .missingTensor: .notFound
            case .unwritable: .unwritable
            case .noSpace: .noRoom
            case .limitExceeded: .limitExceeded
            case .unsupported: .unsupported
            case .wrongShape: .mismatch
            default: .malformed
            }
        self.init(code, error.message, file: error.file, tensor: error.tensor)
    }

    /// The same for errors of models.
    static func converting<Value>(_ body: () throws(ModelError) -> Value) throws(MergeError) -> Value {
        do throws(ModelError) {
            return try body()
        } catch {
            let code: Code =
                switch error.code {
                case .notFound, .missingTensor: .notFound
                case .limitExceeded: .limitExceeded
                case .unsupported: .unsupported
                case .wrongShape: .mismatch
                case .noMemory: .noRoom
                default: .malformed
                }
            throw MergeError(code, error.message, file: error.file, tensor: error.tensor)
        }
    }
}
