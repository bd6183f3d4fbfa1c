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
    var maxTokens: Int { embedder.maxTokens }

    func texts(of inputs: [EmbeddingInput], cut: EmbeddingCut) async throws -> [String] {
        // A token stands for a byte at least, and few are put around each text.
        let isShort = inputs.allSatisfy { if case .text(let text) = $0.content { text.utf8.count <= maxTokens / 2 } else { false } }
        if isShort, cut == .none || cut == .tokens(maxTokens) { return inputs.compactMap { if case .text(let text) = $0.content { text } else { nil } } }
        var texts: [String] = []
        for start in stride(from: 0, to: inputs.count, by: Self.sliceTexts) {
            let slice = inputs[start..<min(start + Self.sliceTexts, inputs.count)]
            texts += try await queue.runWhileWanted { _ in try slice.map { try embedder.text(of: $0, cut: cut) } }
        }
        return texts
    }

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

extension TextEmbedder {
    /// The text of an input, cut where that is asked for.
    fileprivate func text(of input: EmbeddingInput, cut: EmbeddingCut) throws(APIError) -> String {
        let whole: String
        switch input.content {
        case .text(let text): whole = text
        case .tokens(let tokens):
            guard let text = text(of: tokens) else {
                throw APIError(.invalidRequest, "`\(input.path)`: an id is not a token of the encoder \(name)", param: input.path)
            }
            whole = text
        }
        let most = if case .tokens(let count) = cut { count } else { maxTokens }
        let tokens = tokens(of: whole, most: most + 1)
        guard tokens.count > most else { return whole }
        guard case .tokens = cut else {
            throw APIError(
                .contextLengthExceeded,
                "This model's maximum context length is \(maxTokens) tokens. However, `\(input.path)` has more of them. Please reduce its "
                    + "length, or send `truncate`.",
                param: input.path)
        }
        return text(of: self.tokens(of: whole, most: most)) ?? whole
    }
}
