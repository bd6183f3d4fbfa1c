import Generation
import JSON
import Serving

/// What the handlers use; `Gateway` implements the protocols.
///
/// The loop calls all of it. An `async` function leaves the loop; any other takes a lock and copies.
public struct APIServices: Sendable {
    /// Chooses who answers and answers.
    public var serving: RoutedBackend
    public var catalogue: any ModelCatalogue
    public var adapters: any AdapterAdministration
    /// nil when the service has no encoder.
    public var embeddings: (any EmbeddingService)?
    /// nil when the service has no folder for files and jobs.
    public var tuning: (any FineTuningService)?
    /// nil when the service cannot write facts.
    public var memories: (any MemoryService)?

    public init(
        serving: RoutedBackend, catalogue: any ModelCatalogue, adapters: any AdapterAdministration,
        embeddings: (any EmbeddingService)?, tuning: (any FineTuningService)? = nil, memories: (any MemoryService)? = nil
    ) {
        self.memories = memories
        self.serving = serving
        self.catalogue = catalogue
        self.adapters = adapters
        self.embeddings = embeddings
        self.tuning = tuning
    }

    var backend: any GenerationBackend { serving.backend }
}

/// Which names are served now.
public protocol ModelCatalogue: Sendable {
    /// The base first, then servable adapters by name. `auto` is added by the handler.
    func models() -> [ServedModel]
    /// Whether a request may name this adapter.
    func isServable(_ adapter: String) -> Bool
    /// Whether this is another name of the base, such as that of its Hugging Face repository.
    func isBaseName(_ name: String) -> Bool
    /// Why an adapter whose folder is there is not servable, and what to do about it; nil for a name that is not known.
    func refusal(_ adapter: String) -> String?
    /// Whether the operator's rules let this caller use the adapter; true for names that are not known.
    func admits(_ caller: Caller, to adapter: String) -> Bool
    /// A header that the operator's rules name and that this caller sent with several values.
    func repeatedHeader(of caller: Caller) -> String?
    /// For `/ready`.
    var condition: CatalogueCondition { get }
    /// Servable adapters, sorted: llama.cpp's ids are places in this list.
    func adapterNames() -> [String]
}

/// Whether a catalogue can read its folders. The texts are for clients and name no path.
public struct CatalogueCondition: Sendable, Equatable {
    /// Why the folders cannot be read; nil when they can. The service goes on with what it served before, and is not ready.
    public var failure: String?
    /// Other faults; the service is ready despite them.
    public var warnings: [String]

    public init(failure: String? = nil, warnings: [String] = []) {
        self.failure = failure
        self.warnings = warnings
    }
}

extension ModelCatalogue {
    public var condition: CatalogueCondition { CatalogueCondition() }
}

/// A line of `/v1/models`.
public struct ServedModel: Sendable, Equatable {
    public var id: String
    /// Unix seconds.
    public var created: Int
    /// Folder of an adapter, name of a base.
    public var root: String
    /// The base of an adapter; nil for a base.
    public var parent: String?
    public var contextLength: Int

    public init(id: String, created: Int, root: String, parent: String?, contextLength: Int) {
        self.id = id
        self.created = created
        self.root = root
        self.parent = parent
        self.contextLength = contextLength
    }
}

/// What a management request is told about an adapter.
public struct AdapterReport: Sendable, Equatable {
    public var name: String
    /// `ready`, `resident`, `loading`, `notReady`, `rejected` or `unloaded`.
    public var state: String
    /// Why it is not servable, or not routable.
    public var reason: String?
    public var folder: String
    /// Everything else that is known (`family`, `rank`, `targets`, `bytes`, `version`, `requests_served`, …), in the
    /// order in which it is shown.
    public var details: JSONObject

    public init(name: String, state: String, reason: String?, folder: String, details: JSONObject = [:]) {
        self.name = name
        self.state = state
        self.reason = reason
        self.folder = folder
        self.details = details
    }

    var json: JSONValue {
        var object: JSONObject = ["name": .string(name), "object": "adapter", "state": .string(state)]
        object["reason"] = reason.map(JSONValue.string) ?? .null
        for (key, value) in details { object[key] = value }
        object["folder"] = .string(folder)
        return .object(object)
    }

    /// Without the names of adapters that the reader may not know of, wherever they stand: a name becomes null, and an object
    /// about such an adapter is left out as a whole.
    func naming(only isKnown: (String) -> Bool) -> AdapterReport {
        func isShown(_ value: JSONValue) -> Bool {
            switch value {
            case .string(let text): text.utf8.count > JSONCursor.longestName || isKnown(text)
            case .object(let members): members["adapter"].map(isShown) ?? true
            default: true
            }
        }
        func shown(_ value: JSONValue) -> JSONValue {
            switch value {
            case _ where !isShown(value): .null
            case .array(let elements): .array(elements.filter(isShown).map(shown))
            case .object(let members): .object(JSONObject(members.map { ($0.key, shown($0.value)) }))
            default: value
            }
        }
        var report = self
        report.details = JSONObject(details.map { ($0.key, shown($0.value)) })
        return report
    }
}

/// Changes to the adapters folder. All of it works off the loop and throws `APIError`.
public protocol AdapterAdministration: Sendable {
    func list() async throws -> [AdapterReport]
    func report(_ name: String) async throws -> AdapterReport
    /// Copies the folder `source`, a relative path inside the import folder, whole into the adapters folder.
    func add(_ name: String, source: String, replaces: Bool) async throws -> AdapterReport
    /// Keeps a piece of a file that is uploaded. Returns how many bytes of the file have come.
    func receive(_ piece: AdapterPiece) async throws -> Int
    /// Makes the uploaded files an adapter, once they have been checked.
    func publish(_ name: String, replaces: Bool) async throws -> AdapterReport
    /// Deletes uploaded files that are not published.
    func discardUpload(_ name: String) async throws
    /// Deletes the adapter's folder; running requests finish.
    func remove(_ name: String) async throws
    /// vLLM's load: serves the adapter under that name and brings it into memory. `path` is the adapter's own folder or
    /// one inside the import folder.
    func load(_ name: String, path: String, inPlace: Bool) async throws
    /// vLLM's unload: the name is no longer served; its folder stays.
    func unload(_ name: String) async throws
    /// Brings an adapter that is served into memory.
    func bring(_ name: String) async throws
    /// Takes an adapter out of memory. It stays served: its next request loads it again.
    func release(_ name: String) async throws
}

public protocol EmbeddingService: Sendable {
    /// For `model`; `encoder` is an alias.
    var name: String { get }
    var dimension: Int { get }
    /// Tokens of the longest text that is embedded whole, those around it included.
    var maxTokens: Int { get }
    /// Embeds off the loop; longer texts lose their ends.
    func embed(_ texts: [String]) async throws -> EmbeddedTexts
    /// The texts of some inputs. Errors: `contextLengthExceeded` for one that is too long and may not be cut, `invalidRequest` for token
    /// ids that the encoder does not have; `param` is the input's path.
    func texts(of inputs: [EmbeddingInput], cut: EmbeddingCut) async throws -> [String]
}
