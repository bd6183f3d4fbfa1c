import Adapters
internal import Glibc
import OpenAIAPI
import Serving

/// Changes of the adapters folder over HTTP, one at a time, off the loop.
///
/// A client names what to add by a relative path inside the import folder that the operator chose; nothing else on the
/// machine is read for it. Links are resolved before the check, so none leads out.
struct LibraryAdministration: AdapterAdministration {
    let library: AdapterLibrary
    let imports: String?
    let queue: WorkQueue

    func list() async throws -> [AdapterReport] { try await queue.run { library.reports().map(named) } }

    func report(_ name: String) async throws -> AdapterReport {
        try await queue.run { try found(name) }
    }

    func add(_ name: String, source: String, replaces: Bool = false) async throws -> AdapterReport {
        try await queue.run {
            let folder = try importFolder(source)
            try administer(name) { () throws(AdapterError) in _ = try library.store.add(from: folder, name: name, replaces: replaces) }
            library.restore(name)
            return try found(name)
        }
    }

    func receive(_ piece: AdapterPiece) async throws -> Int {
        guard library.store.limits.uploadedBytes > 0 else {
            throw APIError(.importsDisabled, "This server takes no uploads of adapters: it was started with \(Setting.uploadLimit.flag) 0.")
        }
        return try await queue.run {
            try administer(piece.adapter, limit: .payloadTooLarge) { () throws(AdapterError) in
                try library.store.uploads.receive(
                    piece.bytes, at: piece.first, of: piece.total, file: piece.file, adapter: piece.adapter)
            }
        }
    }

    func publish(_ name: String, replaces: Bool) async throws -> AdapterReport {
        try await queue.run {
            try administer(name) { () throws(AdapterError) in try library.store.publish(name, replaces: replaces) }
            library.restore(name)
            return try found(name)
        }
    }

    func discardUpload(_ name: String) async throws {
        try await queue.run { try administer(name) { () throws(AdapterError) in try library.store.uploads.discard(name) } }
    }

    func remove(_ name: String) async throws {
        try await queue.run { try administer(name) { () throws(AdapterError) in try library.remove(name) } }
    }

    func load(_ name: String, path: String, inPlace: Bool) async throws {
        try await queue.run {
            let shelf = library.shelf
            if shelf.entries[name] != nil, !inPlace {
                throw APIError(
                    .adapterExists, "The lora adapter '\(name)' has already been loaded.", param: "lora_name")
            }
            let own = try administer(name) { () throws(AdapterError) in try library.store.path(of: name) }.flatMap(resolved)
            if let own, own == resolved(path) || own == resolved("\(library.store.folder)/\(path)") {
                library.restore(name)
            } else if own == nil || inPlace {
                let folder = try loadedFolder(path)
                try administer(name) { () throws(AdapterError) in
                    _ = try library.store.add(from: folder, name: name, replaces: inPlace)
                }
                library.restore(name)
            } else {
                throw APIError(
                    .adapterExists, "Another folder serves as '\(name)'; delete it first, or load with `load_inplace`.", param: "lora_path")
            }
            try administer(name) { () throws(AdapterError) in _ = try library.store.preload(name) }
        }
    }

    func unload(_ name: String) async throws {
        try await queue.run {
            guard library.unload(name) else {
                throw APIError(
                    .adapterNotFound, "The lora adapter '\(name)' cannot be found.", param: "lora_name")
            }
        }
    }

    func bring(_ name: String) async throws {
        try await queue.run { try administer(name) { () throws(AdapterError) in _ = try library.store.preload(name) } }
    }

    func release(_ name: String) async throws { try await queue.run { library.store.drop(name) } }

    private func found(_ name: String) throws(APIError) -> AdapterReport {
        guard let report = library.report(name) else {
            throw APIError(.adapterNotFound, "There is no adapter `\(name)`.")
        }
        return named(report)
    }

    private func named(_ report: AdapterReport) -> AdapterReport {
        var report = report
        report.folder = library.folderName(report.folder)
        return report
    }

    /// As `importFolder`, in vLLM's words: a path that is not there is 404. So is one outside the import folder, so that the answer
    /// does not tell what else is on the machine.
    private func loadedFolder(_ path: String) throws(APIError) -> String {
        do {
            return try importFolder(path)
        } catch where error.code == .invalidRequest {
            throw APIError(.adapterNotFound, "No adapter found for '\(path)' in the import folder.", param: "lora_path")
        }
    }

    /// The folder that `source` names inside the import folder.
    private func importFolder(_ source: String) throws(APIError) -> String {
        guard let imports else {
            throw APIError(
                .importsDisabled,
                "This server copies no adapters for clients: it was started without \(Setting.imports.flag).")
        }
        guard let root = resolved(imports) else {
            throw APIError(
                failed: "the import folder cannot be read", cause: "\(Setting.imports.flag) \(imports): \(String(cString: strerror(errno)))")
        }
        let isInside = source.hasPrefix("/") ? source : "\(root)/\(source)"
        guard let folder = resolved(isInside), folder.hasPrefix("\(root)/") else {
            throw APIError(
                .invalidRequest, "no such folder inside the import folder; expected a relative path", param: "source")
        }
        return folder
    }

    private func resolved(_ path: String) -> String? {
        guard !path.utf8.contains(0), let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// - Parameter limit: what the client is told where a limit is exceeded.
    private func administer<Value>(
        _ name: String, limit: APIError.Code = .adapterRejected, _ body: () throws(AdapterError) -> Value
    ) throws(APIError) -> Value {
        do {
            return try body()
        } catch {
            let folders = [library.store.folder, imports].compactMap(\.self)
            var refusal = APIError(error, adapter: name, folders: folders + folders.compactMap(resolved))
            if error.code == .limitExceeded { refusal.code = limit }
            throw refusal
        }
    }
}

extension APIError {
    /// A change of an adapter that failed. What the system said is for the log; the client learns what failed.
    ///
    /// - Parameter folders: the adapters folder and the import folder; paths are shown without what lies above them.
    init(_ error: AdapterError, adapter: String, folders: [String]) {
        let message = error.text(without: folders)
        switch error.code {
        case .io: self.init(failed: "the files of adapter `\(adapter)` cannot be read or written", cause: error.description)
        case .unavailable:
            self.init(.overloaded, "adapter `\(adapter)` cannot be read or changed at the moment; try again later", retryAfterSeconds: 1)
            cause = error.description
        case .notFound: self.init(.adapterNotFound, message)
        case .exists: self.init(.adapterExists, message)
        case .invalidName: self.init(.invalidRequest, message)
        default: self.init(.adapterRejected, message)
        }
    }
}

extension AdapterError {
    /// For clients: paths are shown without what lies above some folders.
    func text(without folders: [String]) -> String { folders.reduce(description) { $0.replacing("\($1)/", with: "") } }
}
