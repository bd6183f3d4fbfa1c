internal import Models

/// Why an adapter cannot be used. It names the adapter, the file and the tensor or key, what was found and what was
/// expected; the message ends with the way out where there is one.
public struct AdapterError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// No folder of that name.
        case notFound
        /// The folder is not whole yet; it may still be being copied. Tried again when it changes.
        case notReady
        /// A folder's name that no adapter may have.
        case invalidName
        /// A pickle (`.bin`, `.pt`, `.pth`): loading it could run code.
        case pickle
        /// A path that leaves the folder, or a link that does.
        case unsafePath
        /// A family, a key or a value that is well-formed but not served here.
        case unsupported
        /// A configuration or a file of weights that contradicts its format.
        case malformed
        /// A target of the configuration without its tensors, or half of a pair.
        case missingTensor
        /// A tensor that is not read: it would have no effect.
        case unreadTensor
        /// A tensor of another shape, rank or element type.
        case wrongShape
        /// The adapter was made for another base model.
        case otherBase
        /// NaN or infinity in a tensor, or a scale that f32 cannot hold.
        case nonFinite
        /// The whole adapter would change nothing.
        case noEffect
        /// More than the limits allow.
        case limitExceeded
        /// A folder of that name is there already.
        case exists
        /// The system refused to read or write.
        case io
        /// The system has no descriptors or memory left, or the adapters folder itself cannot be read. It says nothing about the
        /// adapter.
        case unavailable
    }

    public var code: Code
    /// For a person, without adapter, file and tensor.
    public var message: String
    /// The folder's name.
    public var adapter: String?
    /// The file's name inside the folder.
    public var file: String?
    /// The tensor as the file spells it, when the error is about one.
    public var tensor: String?
    /// The key of `adapter_config.json`, when the error is about one.
    public var key: String?

    public init(
        _ code: Code, _ message: String, adapter: String? = nil, file: String? = nil, tensor: String? = nil, key: String? = nil
    ) {
        self.code = code
        self.message = message
        self.adapter = adapter
        self.file = file
        self.tensor = tensor
        self.key = key
    }

    /// Whether a later attempt may succeed: the files may still be arriving, or the system may be short of something.
    public var isTransient: Bool { code == .notReady || code == .io || code == .unavailable }

    public var description: String {
        var place: [String] = []
        if let adapter { place.append("adapter \(adapter)") }
        if let file { place.append(file) }
        if let tensor { place.append("tensor \(quoted(tensor))") }
        if let key { place.append(key) }
        return (place + [message]).joined(separator: ": ")
    }

    /// The same error with its adapter's name, unless it has one.
    func of(_ adapter: String) -> AdapterError {
        var error = self
        if error.adapter == nil { error.adapter = adapter }
        return error
    }
}

/// A name from a file as it may be printed: control characters escaped, long ones cut.
func quoted(_ name: String) -> String {
    let shown = name.count > 120 ? name.prefix(120) + "…" : name[...]
    return shown.debugDescription
}

/// At most `limit` names, joined for a message.
func listed(_ names: some Collection<String>, limit: Int = 5) -> String {
    let shown = names.prefix(limit).joined(separator: ", ")
    return names.count > limit ? "\(shown) and \(names.count - limit) more" : shown
}

extension AdapterError {
    /// What a model says of a tensor of the weights; `code` is that of everything but a lack of memory.
    init(_ error: ModelError, _ code: Code, tensor: String) {
        self.init(error.code == .noMemory ? .unavailable : code, error.message, file: AdapterFile.weights, tensor: tensor)
    }
}
