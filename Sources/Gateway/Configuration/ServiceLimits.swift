public import Adapters
public import HTTP
public import Inference
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
    /// Sequences, queue, rows of a step, keys and values.
    public var engine = InferenceLimits()
    /// Loading of adapters ahead of their requests.
    public var serving = ServingLimits()
    /// Files and fine-tuning jobs.
    public var tuning = FineTuningLimits()
    /// Facts that are told over HTTP.
    public var memory = MemoryLimits()
    /// Bytes that adapters may take in memory while no request uses them.
    public var adapterBudgetBytes = 256 << 20
    /// Changes of adapters over HTTP that may wait while another one is made; beyond that, 429.
    public var queuedChanges = 64
    /// What running requests get after SIGTERM.
    public var drainMilliseconds = 30_000
    /// Between two looks at the adapters folder, beside its events.
    public var rescanMilliseconds = 1_000

    public init() {}

    /// Prompts and texts that may wait for the router's thread beside the one that is routed: as many as the engine has room for,
    /// so that `--max-queue` and `--max-sequences` bound both queues alike.
    public var queuedForRouting: Int { engine.activeSequences + engine.queuedRequests - 1 }

    /// Raises the process's limit of open files, and lowers `http.connections` where connections could take all of them: files
    /// of adapters must still open while every connection is in use.
    public mutating func fitDescriptors() {
        http.connections = min(http.connections, DescriptorLimit.forConnections(of: DescriptorLimit.raise()))
    }

    /// A line a limit, for people.
    public var lines: [String] { connectionLines + requestLines + engineLines + adapterLines + memoryLines + tuningLines }

    private var connectionLines: [String] {
        [
            "connections          \(http.connections), then 503; \(seconds(http.idleTimeoutMilliseconds)) idle, \(seconds(http.writeTimeoutMilliseconds)) without reading",
            "header               \(bytes(http.headerBytes)), \(http.headerFields) fields, \(http.headerTimeoutMilliseconds) ms",
            "body                 \(bytes(http.bodyBytes)), \(http.bodyTimeoutMilliseconds) ms, JSON \(api.jsonDepth) deep, \(api.jsonElements) elements",
            "all bodies           \(bytes(max(http.allBodiesBytes, http.bodyBytes))), then 503",
            "unread answers       \(bytes(http.writeBufferBytes)) a connection, then the sequence waits; \(bytes(http.writeOverflowBytes)) at most",
            "shutdown             \(seconds(drainMilliseconds)) for running requests",
        ]
    }

    private var requestLines: [String] {
        [
            "requests             \(engine.activeSequences) sequences at once, \(engine.queuedRequests) waiting, then 429",
            "one request          n \(api.choices), \(api.sequences) sequences, \(api.messages) messages, \(api.tools) tools, \(api.templateVariables) template variables, \(api.stopStrings) stop strings of \(bytes(api.stopStringBytes))",
            "log-probabilities    \(api.topLogprobs) alternatives a token; logit_bias for \(api.logitBiasEntries) tokens",
            "stored responses     \(api.storedResponses) of /v1/responses, \(bytes(api.storedResponseBytes)), \(seconds(1000 * api.storedResponseSeconds))",
            "embeddings           \(api.embeddingInputs) texts a request of \(bytes(api.embeddingInputBytes)), \(queuedForRouting) calls waiting, then 429",
            "routing              \(bytes(routing.queryBytes)) of a text are looked at; \(queuedForRouting) prompts waiting, then 429",
        ]
    }

    private var engineLines: [String] {
        let answer = engine.defaultAnswerTokens.map { "\($0) tokens" } ?? "a quarter of keys and values, at least 256 tokens"
        return [
            "prompts              \(bytes(engine.promptBytes)) of text; \(engine.preparedRequests) prepared ahead, \(engine.preparationThreads) at once",
            "answers              without max_tokens \(answer)",
            "steps                \(engine.maximumRows) rows; \(Int(engine.mixedStepMilliseconds)) ms beside running answers",
            "keys and values      \(bytes(engine.keyValueBytes))",
        ]
    }

    private var adapterLines: [String] {
        [
            "adapters in memory   \(bytes(adapterBudgetBytes)) beside those in use; \(engine.loadingThreads) load at once",
            "loaded ahead         \(serving.prefetchThreads) at once, \(serving.waitingPrefetches) waiting; others load with their requests",
            "adapters             \(adapters.adapters) folders; rank \(adapters.rank), \(adapters.experts) experts, \(bytes(adapters.weightsBytes)) of weights, header \(bytes(adapters.headerBytes))",
            "adapter files        configuration \(bytes(adapters.configurationBytes)), template \(bytes(adapters.templateBytes)); a copy has \(adapters.copiedFiles) files, \(bytes(adapters.copiedBytes))",
            "uploaded adapters    \(bytes(adapters.uploadedBytes)) that are not published, \(adapters.uploads) at once of \(adapters.uploadedFiles) files; \(seconds(1000 * adapters.uploadSeconds)) without a byte",
            "changes over HTTP    \(queuedChanges) waiting, then 429",
            "routing data         \(routing.examplesPerAdapter) examples an adapter of \(bytes(routing.exampleBytes)), \(bytes(routing.fileBytes)) a file",
        ]
    }

    private var memoryLines: [String] {
        [
            "facts                \(memory.facts) a request, \(memory.waiting) waiting, then 429",
            "lists of facts       \(memory.page) an answer, \(memory.scanned) looked at; \(memory.readers) waiting, then 429",
        ]
    }

    private var tuningLines: [String] {
        [
            "files for tuning     \(tuning.files) of \(bytes(min(tuning.fileBytes, http.bodyBytes))), \(bytes(tuning.allFilesBytes)) in all",
            "fine-tuning jobs     \(tuning.runningJobs) at once, \(tuning.unfinishedJobs) that have not ended, \(tuning.jobs) kept with \(tuning.events) events each",
        ]
    }

    private func seconds(_ milliseconds: Int) -> String { "\(milliseconds / 1000) s" }

    private func bytes(_ count: Int) -> String {
        count >= 1 << 30 && count.isMultiple(of: 1 << 30)
            ? "\(count >> 30) GiB" : count >= 1 << 20 ? "\(count >> 20) MiB" : "\(count >> 10) KiB"
    }
}
