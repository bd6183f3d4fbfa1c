/// Everything that can be set, by one name: `--api-key-file`, `LMOE_API_KEY_FILE`, and `api-key-file` in the file. `SettingTable` has
/// the rest of each.
public enum Setting: String, CaseIterable, Sendable {
    case base, encoder
    case firstEncoder = "first-encoder"
    case adapters, routes, imports
    case uploadLimit = "upload-limit"
    case cache
    case tuningFolder = "tuning-folder"
    case tuningAccess = "tuning-access"
    case tuningJobs = "tuning-jobs"
    case memory
    case memoryAccess = "memory-access"
    case memoryShare = "memory-share"
    case host, port
    // `threads` is checked against `cpus`, which is read before.
    case cpus, threads, precision
    case tuningShare = "tuning-share"
    case tuningThreads = "tuning-threads"
    case apiKeyFile = "api-key-file"
    case corsOrigins = "cors-origins"
    case console
    case modelAlias = "model-alias"
    case cacheByKey = "cache-by-key"
    case lenient
    case routeThreshold = "route-threshold"
    case routeNeighbours = "route-neighbours"
    case defaultAdapter = "default-adapter"
    case routeText = "route-text"
    case stickyMargin = "sticky-margin"
    case llmRouting = "llm-routing"
    case llmRoutingMilliseconds = "llm-routing-ms"
    case decisionLog = "decision-log"
    case decisionLogSample = "decision-log-sample"
    case decisionLogPrompts = "decision-log-prompts"
    case decisionLogSize = "decision-log-size"
    case speculation
    case adapterMemory = "adapter-memory"
    case keyValueMemory = "kv-memory"
    case keyValueCache = "kv-cache"
    case maxSequences = "max-sequences"
    case maxQueue = "max-queue"
    case defaultMaxTokens = "default-max-tokens"
    case specialTokens = "special-tokens"
    case maxConnections = "max-connections"
    case maxBody = "max-body"
    case rescanSeconds = "rescan-seconds"
    case drainSeconds = "drain-seconds"
    case logLevel = "log-level"
    case logFormat = "log-format"

    public var flag: String { "--\(rawValue)" }
    public var variable: String { "LMOE_\(rawValue.uppercased().replacing("-", with: "_"))" }

    /// For help.
    public var summary: String { row.summary }
    /// The value that is in force where nothing sets it.
    public var defaultValue: String { row.defaultValue }
    /// The numbers that are taken, like `1 to 4096`; nil where `summary` names the values.
    public var range: String? { row.range }
}
