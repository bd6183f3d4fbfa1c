/// Which files of a repository are wanted.
public struct FileWish: Sendable {
    /// An adapter's files also where the repository has a whole model.
    public var isAdapter = false
    /// Patterns such as `*.json`; where there are some, they decide and nothing else does.
    public var include: [String] = []
    public var exclude: [String] = []

    public init(isAdapter: Bool = false, include: [String] = [], exclude: [String] = []) {
        self.isAdapter = isAdapter
        self.include = include
        self.exclude = exclude
    }
}

/// The files that a wish means, and which of them is the model.
struct FileChoice: Sendable, Equatable {
    enum Main: Sendable, Equatable {
        /// The folder is a model or an adapter.
        case folder
        case file(String)
    }

    var files: [HubFile]
    var main: Main
    var isAdapter: Bool

    /// Errors: `fileNotFound`, `ambiguous`, `pickle`, `limitExceeded`; each names what is there instead.
    init(_ reference: HubReference, _ wish: FileWish, among all: [HubFile], limits: HubLimits) throws(HubError) {
        let excluded = wish.exclude.map(NamePattern.init)
        let rest = all.filter { file in !excluded.contains { $0.matches(file.name) } }
        let chooser = FileChooser(reference: reference, files: rest)
        var choice = try chooser.choice(wish)
        // The card says under which terms the rest may be used.
        choice.files += rest.filter { file in FileKind.isPaper(file) && !choice.files.contains(file) }
        guard choice.files.count <= limits.chosenFiles else {
            throw HubError(.limitExceeded, "\(choice.files.count) files are wanted; at most \(limits.chosenFiles) are fetched", place: reference.repository.id)
        }
        self = choice
    }

    fileprivate init(_ files: [HubFile], main: Main, isAdapter: Bool) {
        self.files = files
        self.main = main
        self.isAdapter = isAdapter
    }
}

private struct FileChooser {
    let reference: HubReference
    let files: [HubFile]

    private var repository: HubRepository { reference.repository }
    private var models: [HubFile] { files.filter(FileKind.isGGUF) }

    func choice(_ wish: FileWish) throws(HubError) -> FileChoice {
        if !wish.include.isEmpty { return try included(wish) }
        if let name = reference.file { return try named(name, wish) }
        let hasModel = files.contains(where: FileKind.isModelWeights)
        let hasAdapter = files.contains { FileKind.isAdapterWeights($0) }
        if hasAdapter, wish.isAdapter || !hasModel { return adapter }
        if hasModel, !wish.isAdapter { return model }
        guard !models.isEmpty else { throw nothing(wish) }
        guard models.count == 1 else { throw ambiguous(models, "it has \(models.count) GGUF files") }
        return try gguf(models[0], wish)
    }

    private var model: FileChoice {
        var weights = files.filter(FileKind.isModelWeights)
        // As the loader does: one whole file goes before the shards.
        if let whole = weights.first(where: { $0.name == "model.safetensors" }) { weights = [whole] }
        return FileChoice(files.filter(FileKind.isBesideModel) + weights, main: .folder, isAdapter: false)
    }

    private var adapter: FileChoice {
        FileChoice(files.filter { FileKind.isBesideAdapter($0) || FileKind.isAdapterWeights($0) }, main: .folder, isAdapter: true)
    }

    private func gguf(_ file: HubFile, _ wish: FileWish) throws(HubError) -> FileChoice {
        guard !FileKind.isPart(file) else {
            throw HubError(
                .fileNotFound, "\(file.name) is a part of a model in several GGUF files, which lmoe does not read; choose a file in one part",
                place: repository.id)
        }
        return FileChoice([file], main: .file(file.name), isAdapter: wish.isAdapter)
    }

    // MARK: By name

    private func named(_ name: String, _ wish: FileWish) throws(HubError) -> FileChoice {
        if let file = files.first(where: { $0.name == name }) {
            guard !FileKind.isPickle(file), FileKind.isSafe(file) else {
                throw HubError(
                    FileKind.isPickle(file) ? .pickle : .fileNotFound,
                    "\(name) is not fetched: only safetensors, GGUF, JSON and text files are, since others can hold code", place: repository.id)
            }
            if FileKind.isGGUF(file) { return try gguf(file, wish) }
            return FileChoice([file], main: .file(name), isAdapter: wish.isAdapter)
        }
        let found = models.filter { Self.hasWord(name, in: $0.name) }
        guard let file = found.first else {
            throw HubError(.fileNotFound, "it has no file `\(name)`, and no GGUF file with that word in its name\(listed(models))", place: repository.id)
        }
        guard found.count == 1 || FileKind.isPart(file) else { throw ambiguous(found, "`\(name)` is in the names of \(found.count) files") }
        return try gguf(file, wish)
    }

    /// Whether a name has the word, in any case, and not as a part of a longer one: `Q4_K` is not in `x-Q4_K_M.gguf`.
    private static func hasWord(_ word: String, in name: String) -> Bool {
        let (word, name) = (Array(word.lowercased().utf8), Array(name.lowercased().utf8))
        guard !word.isEmpty, name.count >= word.count else { return false }
        let isLetter = { (byte: UInt8) in
            (byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")) || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
        }
        return (0...(name.count - word.count)).contains { start in
            let end = start + word.count
            return name[start..<end].elementsEqual(word) && (start == 0 || !isLetter(name[start - 1]))
                && (end == name.count || !(isLetter(name[end]) || name[end] == UInt8(ascii: "_")))
        }
    }

    // MARK: By pattern

    private func included(_ wish: FileWish) throws(HubError) -> FileChoice {
        let patterns = wish.include.map(NamePattern.init)
        let found = files.filter { file in patterns.contains { $0.matches(file.name) } }
        let safe = found.filter { FileKind.isSafe($0) && !FileKind.isPickle($0) }
        guard !safe.isEmpty else {
            let isUnsafe = found.contains(where: FileKind.isPickle)
            throw HubError(
                isUnsafe ? .pickle : .fileNotFound,
                isUnsafe ? "only pickles match `\(wish.include.joined(separator: "`, `"))`, which are never fetched" : "no file matches `\(wish.include.joined(separator: "`, `"))`",
                place: repository.id)
        }
        let models = safe.filter(FileKind.isGGUF)
        let isAdapter = wish.isAdapter || safe.contains(where: FileKind.isAdapterWeights)
        let isLone = models.count == 1 && !safe.contains { FileKind.isModelWeights($0) || FileKind.isAdapterWeights($0) }
        return FileChoice(safe, main: isLone ? .file(models[0].name) : .folder, isAdapter: isAdapter)
    }

    // MARK: What is wrong

    private func ambiguous(_ files: [HubFile], _ reason: String) -> HubError {
        let example = files.lazy.compactMap { Self.quantisation($0) }.first ?? files[0].name
        return HubError(
            .ambiguous, "\(reason); name one after `:`, such as hf:\(repository.id):\(example)\(listed(files))", place: repository.id)
    }

    private func nothing(_ wish: FileWish) -> HubError {
        guard !files.contains(where: FileKind.isPickle) else {
            return HubError(
                .pickle,
                "its weights are pickles only, which can hold code and are never fetched; look for a repository with safetensors or GGUF, or fetch "
                    + "them yourself and make safetensors of them\(wish.isAdapter ? " (scripts/convert-pickle)" : "")", place: repository.id)
        }
        let hint = wish.isAdapter && files.contains(where: FileKind.isModelWeights) ? "; it has a whole model" : ""
        return HubError(.fileNotFound, "it has no weights of \(wish.isAdapter ? "an adapter" : "a model") in safetensors or GGUF\(hint)", place: repository.id)
    }

    private func listed(_ files: [HubFile]) -> String {
        guard !files.isEmpty else { return "" }
        let lines = files.prefix(20).map { "\n  \($0.name)  \(Self.megabytes($0.size))" }.joined()
        return ":" + lines + (files.count > 20 ? "\n  and \(files.count - 20) more" : "")
    }

    private static func megabytes(_ size: Int) -> String { size < 0 ? "" : "\((size + (1 << 19)) >> 20) MiB" }

    /// `Q4_K_M` of `x-Q4_K_M.gguf`.
    private static func quantisation(_ file: HubFile) -> String? {
        let words = file.leaf.dropLast(".gguf".count).split { $0 == "-" || $0 == "." }
        return words.last.flatMap { word in
            let text = word.uppercased()
            return ["Q", "IQ", "F", "BF"].contains { text.hasPrefix($0) && text.dropFirst($0.count).first?.isNumber == true } ? String(word) : nil
        }
    }
}
