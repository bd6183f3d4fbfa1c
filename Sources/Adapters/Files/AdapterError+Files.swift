internal import Files
internal import Glibc

extension AdapterError {
    /// What the system or the reader of files answered. `notFound` is for folders: of files it is asked whether they are there.
    init(_ error: FileError, file: String? = nil) {
        let code: Code =
            switch error.code {
            case .notFound, .notAFolder: .notFound
            case .danglingLink, .changed: .notReady
            case .notRegular, .unsafePath: .unsafePath
            case .limitExceeded: .limitExceeded
            case .notText: .malformed
            case .tooManyDescriptors: .unavailable
            case .unwritable: .io
            case .unreadable: Self.code(of: error.errno)
            }
        let message = error.errno == ELOOP ? "a link that leads back to itself" : error.message
        self.init(code, file == nil ? "\(error.path): \(message)" : message, file: file)
    }

    private static func code(of number: Int32?) -> Code {
        switch number {
        case ENOMEM, EAGAIN, EMFILE, ENFILE: .unavailable
        case ELOOP: .unsafePath
        default: .io
        }
    }

    /// From an `errno`; `what` says what failed.
    static func system(_ what: String, errno number: Int32 = errno, file: String? = nil) -> AdapterError {
        AdapterError(code(of: number), "\(what): \(String(cString: strerror(number)))", file: file)
    }

    /// What `body` gives, with the errors of this module.
    static func converting<Value>(file: String? = nil, _ body: () throws(FileError) -> Value) throws(AdapterError) -> Value {
        do throws(FileError) {
            return try body()
        } catch {
            throw AdapterError(error, file: file)
        }
    }
}
