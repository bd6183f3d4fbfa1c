import Generation
import OpenAIAPI
import Serving

/// Which names are served, for `/v1/models`.
struct LibraryCatalogue: ModelCatalogue {
    let library: AdapterLibrary
    let baseName: String
    let contextLength: Int
    let started: Int

    func models() -> [ServedModel] {
        let shelf = library.shelf
        let base = ServedModel(
            id: baseName, created: started, root: baseName, parent: nil, contextLength: contextLength)
        return [base]
            + shelf.names.compactMap { shelf.entries[$0] }.map { entry in
                ServedModel(
                    id: entry.name, created: entry.changed, root: library.folderName(entry.folder), parent: baseName,
                    contextLength: contextLength)
            }
    }

    func isBaseName(_ name: String) -> Bool { library.shelf.baseNames.contains(name) }

    func isServable(_ adapter: String) -> Bool { library.shelf.entries[adapter] != nil }

    func refusal(_ adapter: String) -> String? {
        let shelf = library.shelf
        if shelf.unloaded.contains(adapter) { return "it was unloaded; load it to serve it again" }
        return shelf.refusals[adapter].map {
            "\($0). Its folder is looked at again when it changes; `lmoe adapters check` says everything about it"
        }
    }

    func admits(_ caller: Caller, to adapter: String) -> Bool { library.shelf.rules.admits(caller, to: adapter) }

    func repeatedHeader(of caller: Caller) -> String? { library.shelf.rules.repeatedHeader(of: caller) }

    func adapterNames() -> [String] { library.shelf.names }

    /// The log has the places and the system's reasons; `/ready` is open to everybody.
    var condition: CatalogueCondition {
        let condition = library.shelf.condition
        var result = CatalogueCondition()
        if condition.adapters != nil {
            result.failure = "the adapters folder cannot be read: the adapters that were served before stay in service"
        }
        if !condition.rules.isEmpty {
            result.warnings.append(
                "access rules cannot be read in \(condition.rules.count) places: the last known ones are in force, and adapters without known rules are closed")
        }
        return result
    }
}

extension AdapterLibrary {
    /// A folder for clients: without what lies above the adapters folder.
    func folderName(_ folder: String) -> String {
        let root = "\(store.folder)/"
        return folder.hasPrefix(root) ? String(folder.dropFirst(root.count)) : folder.split(separator: "/").last.map(String.init) ?? folder
    }
}

/// `/v1/embeddings` over the encoder. Long lists go in slices, so that routing gets its turn between them,
/// and so that the work ends soon after its client has left.
struct QueuedEmbeddings: EmbeddingService {
    let embedder: any TextEmbedder
    let queue: WorkQueue

    private static let sliceTexts = 16

    var name: String { embedder.name }
    var dimension: Int { embedder.dimension }

    func embed(_ texts: [String]) async throws -> EmbeddedTexts {
        var whole = EmbeddedTexts(vectors: [], tokenCounts: [], tokenizeMicroseconds: 0, embedMicroseconds: 0)
        for start in stride(from: 0, to: texts.count, by: Self.sliceTexts) {
            let slice = Array(texts[start..<min(start + Self.sliceTexts, texts.count)])
            let part = try await queue.runWhileWanted { _ in try embedder.embed(slice) }
            whole.vectors += part.vectors
            whole.tokenCounts += part.tokenCounts
            whole.tokenizeMicroseconds += part.tokenizeMicroseconds
            whole.embedMicroseconds += part.embedMicroseconds
        }
        return whole
    }
}
