internal import Adapters
internal import MergeMethods

extension MergeError {
    /// What `body` gives, with this module's errors; `folder` is the adapter's.
    static func converting<Value>(_ folder: String, _ body: () throws(AdapterError) -> Value) throws(MergeError) -> Value {
        do throws(AdapterError) {
            return try body()
        } catch {
            throw MergeError(error, folder: folder)
        }
    }

    private init(_ error: AdapterError, folder: String) {
        let code: Code =
            switch error.code {
            case .notFound: .notFound
            case .exists: .exists
            case .unsupported, .pickle: .unsupported
            case .wrongShape, .otherBase: .mismatch
            case .nonFinite: .nonFinite
            case .limitExceeded: .limitExceeded
            case .unavailable: .noRoom
            case .notReady: .changed
            case .io: .notFound
            case .invalidName, .unsafePath, .malformed, .missingTensor, .unreadTensor, .noEffect: .malformed
            }
        let message = error.key.map { "\($0): \(error.message)" } ?? error.message
        self.init(code, message, file: error.file.map { "\(folder)/\($0)" } ?? folder, tensor: error.tensor)
    }
}
