/// Everything that can be set, by one name: `--api-key-file`, `LMOE_API_KEY_FILE`, and `api-key-file` in the file.
public enum Setting: String, CaseIterable, Sendable {
    case base, encoder
    case firstEncoder = "first-encoder"
    case adapters, routes, imports, cache
    case host, port, threads, precision
    case apiKeyFile = "api-key-file"
    case corsOrigins = "cors-origins"
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
    case maxConnections = "max-connections"
    case maxBody = "max-body"
    case rescanSeconds = "rescan-seconds"
    case drainSeconds = "drain-seconds"
    case logLevel = "log-level"
    case logFormat = "log-format"

    public var flag: String { "--\(rawValue)" }
    public var variable: String { "LMOE_\(rawValue.uppercased().replacing("-", with: "_"))" }

    /// For help.
    public var summary: String {
        switch self {
        case .base: "the base model: a .gguf file, or a folder with config.json, tokenizer.json and model*.safetensors"
        case .encoder: "the router's encoder: a folder of a BERT-style model or of static vectors; `none` serves without a router"
        case .firstEncoder: "a cheaper encoder, such as static vectors, that is asked first and believed where it is sure; `none`"
        case .adapters: "the folder of adapters, one folder each; it is watched"
        case .routes: "the operator's routing data, which goes before what adapters say"
        case .imports: "the only folder from which PUT /v1/adapters may copy; none refuses it"
        case .cache: "where embedded examples are kept; `none` keeps none"
        case .host: "the address to bind"
        case .port: "the port to bind; 0 takes any free one"
        case .threads: "threads that compute; 0 takes one a core"
        case .precision: "`fast` (quantised weights, int8 products) or `reference` (f32)"
        case .apiKeyFile: "a file of keys, one a line, `KEY` or `NAME:KEY`; `admin:` before it lets it manage adapters"
        case .corsOrigins:
            "pages that may read answers: `generation` (pages of any site generate, those of this machine read the rest), `*`, `local`, `none`, or origins with commas"
        case .modelAlias:
            "a name that clients may have in `model`: NAME for the router, or NAME=ADAPTER; `*` and `?` are wildcards; several with commas"
        case .cacheByKey: "`on` or `off`: cached prefixes, and their counts in answers, are apart for each API key; on when there are keys"
        case .lenient: "ignore unknown fields of requests instead of refusing them"
        case .routeThreshold: "least probability at which the router chooses an adapter"
        case .routeNeighbours: "nearest examples whose mean similarity is an adapter's score"
        case .defaultAdapter: "the adapter that answers when none is probable enough; `base` is the base"
        case .routeText: "what decides: `last` turn of the user, `conversation`, or a template such as `{system} {last}`"
        case .stickyMargin: "how much more probable another adapter must be for a conversation to change; 0 decides each turn alone"
        case .llmRouting: "`off`, `unsure` or `always`: the base model chooses among the best candidates"
        case .llmRoutingMilliseconds: "milliseconds for that; later the router's decision stands"
        case .decisionLog: "a file that gets a JSON line for each decision; `none` writes none"
        case .decisionLogSample: "the share of decisions that are written, from 0 to 1"
        case .decisionLogPrompts: "write the texts that were routed, too"
        case .decisionLogSize: "MiB of the decision log before it is renamed to FILE.1"
        case .speculation: "`on` or `off`: verify several foretold tokens in a step where a text repeats; changes no token"
        case .adapterMemory: "MiB that adapters may take while nobody uses them"
        case .keyValueMemory: "MiB of keys and values"
        case .keyValueCache: "keys and values in `f16`, in `bf16`, or in `int8` in a little more than half of the memory"
        case .maxSequences: "sequences that generate at the same time"
        case .maxQueue: "requests that may wait; one more is refused with 429"
        case .maxConnections: "open connections"
        case .maxBody: "MiB of one request's body"
        case .rescanSeconds: "seconds between two looks at the adapters folder, beside its events"
        case .drainSeconds: "seconds that running requests get after SIGTERM"
        case .logLevel: "`debug`, `info`, `warning`, `error` or `off`"
        case .logFormat: "`text` or `json`"
        }
    }
}
