internal import Tensors

/// The files of one adapter as they were at one moment, in memory of our own: what happens to the folder after does not
/// reach it.
public struct AdapterContent: Sendable {
    /// How much is read.
    enum Depth: Sendable {
        /// Configuration and the header of the weights: names and shapes can be checked, elements are zero.
        case headers
        case everything
    }

    /// The folder, for messages.
    public let folder: String
    public let manifest: AdapterManifest
    /// The tensors of `adapter_model.safetensors` or of its shards, or of a LoRA file of llama.cpp as PEFT would have them.
    public let weights: AdapterWeights
    /// `safetensors` or `gguf`.
    public let format: AdapterFormat
    /// What was found before any family looked: tensors of a GGUF file that stand for nothing here.
    let problems: [AdapterError]
    /// Its own chat templates and special tokens.
    public let prompting: AdapterPrompting
    let fingerprint: FolderFingerprint
    private let configuration: [UInt8]
    /// What the file calls a tensor, by PEFT's name, where it differs.
    private let names: [String: String]
    private let depth: Depth

    /// Errors: `notReady` for what may still be being copied; `pickle`, `unsafePath`, `malformed`, `limitExceeded`,
    /// `unsupported`, `otherBase`, `io`, `unavailable`.
    /// - Parameter file: a LoRA file of llama.cpp that is meant, whatever else lies in the folder.
    static func read(
        _ directory: AdapterDirectory, depth: Depth, for base: BaseModules, limits: AdapterLimits, file: String? = nil
    ) throws(AdapterError) -> AdapterContent {
        let fingerprint = try directory.fingerprint()
        let named: String? = if let file { file } else { try ggufFile(fingerprint) }
        let content =
            if let name = named {
                try read(gguf: name, directory, fingerprint, depth, base, limits)
            } else {
                try read(peft: directory, fingerprint, depth, base, limits)
            }
        try content.checkUnchanged(directory)
        return content
    }

    private static func read(
        peft directory: AdapterDirectory, _ fingerprint: FolderFingerprint, _ depth: Depth, _ base: BaseModules,
        _ limits: AdapterLimits
    ) throws(AdapterError) -> AdapterContent {
        guard let configurationFile = try directory.open(AdapterFile.configuration) else {
            throw MissingFile(directory, fingerprint).configuration()
        }
        let configuration = try configurationFile.contents(limit: limits.configurationBytes)
        let manifest = try AdapterManifest(parsing: configuration)
        guard let weights = try WeightsReader.read(directory, depth, limits: limits) else {
            throw MissingFile(directory, fingerprint).weights()
        }
        var prompting = try AdapterPrompting.read(directory, limits: limits)
        let added = VocabularyPlanner.addedTokens(weights, base: base.configuration)
        if added > 0 { try prompting.tokens.readAdded(directory, from: base.configuration.vocabulary, count: added, limits: limits) }
        try configurationFile.checkUnchanged()
        return AdapterContent(
            folder: directory.path, manifest: manifest, weights: weights, format: .safetensors, problems: [],
            prompting: prompting, fingerprint: fingerprint, configuration: configuration, names: [:], depth: depth)
    }

    private static func read(
        gguf name: String, _ directory: AdapterDirectory, _ fingerprint: FolderFingerprint, _ depth: Depth, _ base: BaseModules,
        _ limits: AdapterLimits
    ) throws(AdapterError) -> AdapterContent {
        guard let file = try directory.open(name) else {
            throw AdapterError(.notReady, "the file is not there any more", file: name)
        }
        let adapter = try GGUFAdapter(file, depth: depth, for: base, limits: limits)
        return AdapterContent(
            folder: directory.path, manifest: adapter.manifest, weights: adapter.weights, format: .gguf,
            problems: adapter.problems, prompting: try AdapterPrompting.read(directory, limits: limits), fingerprint: fingerprint,
            configuration: [], names: adapter.names, depth: depth)
    }

    /// The folder's LoRA file of llama.cpp, when it has one and nothing else that could be the adapter.
    static func ggufFile(_ fingerprint: FolderFingerprint) throws(AdapterError) -> String? {
        let files = fingerprint.ggufFiles
        guard let first = files.first else { return nil }
        if files.count > 1 {
            throw AdapterError(
                .unsupported, "\(files.count) adapters in one folder: \(listed(files)); give each a folder of its own", file: first)
        }
        let others = ([AdapterFile.configuration, AdapterFile.weights, AdapterFile.weightsIndex] + AdapterFile.pickles)
            .filter { fingerprint.stamps[$0] != nil }
        if !others.isEmpty {
            throw AdapterError(
                .unsupported,
                "beside it lies \(listed(others)): which of the two is the adapter? Move one of them into a folder of its own",
                file: first)
        }
        return first
    }

    /// An error of what reads the content, in the words of the file.
    func inOwnWords(_ error: AdapterError) -> AdapterError {
        var error = error
        switch format {
        case .safetensors:
            if error.file == AdapterFile.weights { error.file = weights.fileName(of: error.tensor) }
        case .gguf:
            if error.file == AdapterFile.configuration || error.file == AdapterFile.weights { error.file = weights.fileName(of: nil) }
            if let tensor = error.tensor { error.tensor = nameInFile(tensor) }
        }
        return error
    }

    /// What the file calls a tensor of `weights`.
    func nameInFile(_ tensor: String) -> String { names[tensor] ?? tensor }

    /// Throws `notReady` when the folder is not what it was when it was first looked at.
    func checkUnchanged(_ directory: AdapterDirectory) throws(AdapterError) {
        try weights.checkUnchanged()
        guard try directory.fingerprint() == fingerprint else {
            throw AdapterError(.notReady, "the folder changed while it was read")
        }
    }

    /// What the tensors hold: read from the file where only its header was read so far.
    func elements(isHashed: Bool) -> AdapterElements {
        AdapterElements(weights, areRead: depth == .everything, isHashed: isHashed)
    }

    /// The content hash: 32 hexadecimal digits of BLAKE3 over everything that changes what the adapter answers. The tensors are
    /// hashed apart, so that several threads can do it while they bring them into place; nil when `elements` hashes nothing.
    func version(_ elements: AdapterElements) throws(AdapterError) -> String? {
        guard let tensors = try elements.allDigests() else { return nil }
        let parts = [ContentDigest(of: configuration)] + weights.headerDigests + prompting.digests
        return String(ContentDigest(of: parts + tensors).hexadecimal.prefix(32))
    }
}

/// What kind of file an adapter comes in.
public enum AdapterFormat: String, Sendable {
    /// PEFT's `adapter_config.json` and `adapter_model.safetensors`.
    case safetensors
    /// One LoRA file of llama.cpp.
    case gguf
}
