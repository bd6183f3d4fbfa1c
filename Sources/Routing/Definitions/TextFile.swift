internal import Files

/// Small text files of routing data, read whole within a limit. A byte order mark is skipped.
enum TextFile {
    /// A file of a folder; nil when there is none. A link is followed only inside the folder: what a stranger's adapter says is shown
    /// in explanations, so it must not be able to show other files.
    static func read(_ name: String, in folder: Folder, limitBytes: Int) throws(RoutingError) -> String? {
        do throws(FileError) {
            return try folder.file(name, links: .inside)?.text(limitBytes: limitBytes)
        } catch {
            throw RoutingError(error)
        }
    }

    /// A file of the operator's folder, whose links may lead anywhere.
    static func readLinked(_ name: String, in folder: Folder, limitBytes: Int) throws(RoutingError) -> String? {
        do throws(FileError) {
            return try folder.file(name, links: .follow)?.text(limitBytes: limitBytes)
        } catch {
            throw RoutingError(error)
        }
    }

    /// A file anywhere. Errors: also when there is none.
    static func read(path: String, limitBytes: Int) throws(RoutingError) -> String {
        do throws(FileError) {
            return try RegularFile.text(path, limitBytes: limitBytes)
        } catch {
            throw RoutingError(error)
        }
    }
}

extension RoutingError {
    init(_ error: FileError) {
        let code: Code =
            switch error.code {
            case .limitExceeded: .limitExceeded
            case .notText: .malformedFile
            default: .unreadableFile
            }
        self.init(code, error.message, place: error.path)
    }
}
