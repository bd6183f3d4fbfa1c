/// What is said of a folder without its configuration or its weights: what lies there instead, and what to do.
struct MissingFile {
    private static let unfinished = [".part", ".partial", ".crdownload", ".incomplete", ".download", ".tmp", ".aria2"]
    private static let archives = [".zip", ".tar", ".tgz", ".gz", ".7z", ".rar", ".xz", ".zst"]
    private static let mlxWeights = "adapters.safetensors"

    private let directory: AdapterDirectory
    private let fingerprint: FolderFingerprint
    /// Sorted.
    private let names: [String]

    init(_ directory: AdapterDirectory, _ fingerprint: FolderFingerprint) {
        self.directory = directory
        self.fingerprint = fingerprint
        // A hint only: what cannot be listed is left out of the message.
        names = ((try? directory.names()) ?? []).filter { !$0.hasPrefix(".") }
    }

    func configuration() -> AdapterError {
        AdapterError(.notReady, "the file is not there; \(configurationHint)", file: AdapterFile.configuration)
    }

    private var configurationHint: String {
        let inner = (try? AdapterPlaces(directory).folders()) ?? []
        if !inner.isEmpty { return "the subfolders \(listed(inner)) hold adapters of their own" }
        if names.contains("config.json") { return "config.json is that of a whole model; copy the adapter's own files" }
        return contents
    }

    func weights() -> AdapterError {
        let isPickle = { (name: String) in AdapterFile.pickleEndings.contains { name.lowercased().hasSuffix($0) } }
        let pickles = AdapterFile.pickles.filter { fingerprint.stamps[$0] != nil }
        if let pickle = pickles.first ?? names.first(where: isPickle) {
            return AdapterError(
                .pickle,
                "a pickle, which can run code when it is loaded; expected \(AdapterFile.weights): scripts/convert-pickle makes one of it,"
                    + " and so does peft's save_pretrained(…, safe_serialization=True)", file: pickle)
        }
        return AdapterError(.notReady, "the file is not there; \(weightsHint)", file: AdapterFile.weights)
    }

    private var weightsHint: String {
        if names.contains(Self.mlxWeights) { return "\(Self.mlxWeights) is mlx-lm's: `lmoe adapters convert` makes a PEFT folder of it" }
        let others = names.filter { $0.lowercased().hasSuffix(AdapterFile.weightsEnding) }
        if others.count == 1 { return "\(quoted(others[0])) lies there: if it is the adapter's, rename it to \(AdapterFile.weights)" }
        if !others.isEmpty {
            return "\(listed(others.map(quoted))) lie there: shards need \(AdapterFile.weightsIndex), and the weights of one adapter are \(AdapterFile.weights)"
        }
        return contents
    }

    private var contents: String {
        let isOf = { (endings: [String]) in { (name: String) in endings.contains { name.lowercased().hasSuffix($0) } } }
        if let name = names.first(where: isOf(Self.unfinished)) { return "\(quoted(name)) looks like a download that has not ended" }
        if let name = names.first(where: isOf(Self.archives)) { return "\(quoted(name)) is an archive: unpack it" }
        return names.isEmpty ? "the folder is empty" : "the folder holds \(listed(names.map(quoted)))"
    }
}
