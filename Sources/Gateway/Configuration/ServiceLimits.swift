public import Adapters
public import HTTP
public import OpenAIAPI
public import Routing
public import Serving
internal import UV

/// Every bound of the service in one place; `lmoe serve` prints them.
public struct ServiceLimits: Sendable {
    /// Header and body bytes, connections, times a client may take.
    public var http = HTTPLimits()
    /// What one request may ask for.
    public var api = APILimits()
    /// Bytes and examples of routing data.
    public var routing = RoutingLimits()
    /// Files and headers of adapters.
    public var adapters = AdapterLimits()
    /// Bytes that adapters may take in memory while nobody uses them.
    public var adapterBudgetBytes = 256 << 20
    /// Bytes of keys and values.
    public var keyValueBytes = 128 << 20
    /// Sequences that generate at the same time.
    public var activeSequences = 32
    /// Requests that may wait for their first step; one more is 429.
    public var queuedRequests = 256
    /// Changes of adapters over HTTP that may wait for the one that is made; one more is 429.
    public var queuedChanges = 64
    /// Loading of adapters ahead of their requests.
    public var serving = ServingLimits()
    /// What running requests get after SIGTERM.
    public var drainMilliseconds = 30_000
    /// Between two looks at the adapters folder, beside its events.
    public var rescanMilliseconds = 1_000

    public init() {}

    /// Prompts and texts that may wait for the router's thread beside the one that is routed: as many as the engine has room for,
    /// so that `--max-queue` and `--max-sequences` bound both queues alike.
    public var queuedForRouting: Int { activeSequences + queuedRequests - 1 }

    /// Raises the process's limit of open files, and lowers `http.connections` where connections could take all of them: files
    /// of adapters must still open while every connection is in use.
    public mutating func fitDescriptors() {
        http.connections = min(http.connections, DescriptorLimit.forConnections(of: DescriptorLimit.raise()))
    }

    /// A line a limit, for people.
    public var lines: [String] {
        [
            "connections          \(http.connections)",
            "header               \(bytes(http.headerBytes)), \(http.headerFields) fields, \(http.headerTimeoutMilliseconds) ms",
            "body                 \(bytes(http.bodyBytes)), \(http.bodyTimeoutMilliseconds) ms, JSON \(api.jsonDepth) deep, \(api.jsonElements) elements",
            "all bodies           \(bytes(max(http.allBodiesBytes, http.bodyBytes))), then 503",
            "requests             \(activeSequences) sequences at once, \(queuedRequests) waiting, then 429",
            "one request          n \(api.choices), \(api.sequences) sequences, \(api.messages) messages, \(api.stopStrings) stop strings",
            "embeddings           \(api.embeddingInputs) texts a request, \(queuedForRouting) calls waiting",
            "keys and values      \(bytes(keyValueBytes))",
            "adapters in memory   \(bytes(adapterBudgetBytes)) beside those in use; rank at most \(adapters.rank)",
            "routing data         \(routing.examplesPerAdapter) examples an adapter, \(bytes(routing.fileBytes)) a file",
            "shutdown             \(drainMilliseconds / 1000) s for running requests",
        ]
    }

    private func bytes(_ count: Int) -> String {
        count >= 1 << 20 ? "\(count >> 20) MiB" : "\(count >> 10) KiB"
    }
}
