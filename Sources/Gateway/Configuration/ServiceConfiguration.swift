public import OpenAIAPI
public import Routing
public import Telemetry
public import Tensors

/// How the service is set up, after flags, variables and file have been read and checked. Opens nothing.
public struct ServiceConfiguration: Sendable {
    public enum Precision: String, Sendable { case fast, reference }
    /// Whose keys may tune.
    public enum TuningAccess: String, Sendable, CaseIterable { case admin, user }
    /// Whether browsers get a page at `/`.
    public enum Console: String, Sendable, CaseIterable {
        case on, off
        /// Unless other machines can reach a service that asks for no key.
        case auto
    }

    public var base = "models/base.gguf"
    /// nil serves without a router and without embeddings.
    public var encoder: String? = "models/encoder"
    /// nil: `encoder` decides alone.
    public var firstEncoder: String?
    public var adapters = "adapters"
    public var routes: String? = "routes"
    /// The default routes folder need not exist; one that was named must, since access rules in it would not be known.
    public var routesMayBeMissing = true
    /// nil refuses to add adapters over HTTP.
    public var imports: String?
    /// Of files and fine-tuning jobs; nil: there are none.
    public var tuningFolder: String?
    public var tuningAccess = TuningAccess.admin
    /// Asked for each request that says nothing of memories.
    public var memories: [String] = []
    /// Whose keys may tell facts.
    public var memoryAccess = TuningAccess.admin
    /// nil keeps no embedded examples.
    public var cache: String?
    public var host = "127.0.0.1"
    public var port = 8080
    public var threads: Int
    /// Where they run, at least as many; nil: anywhere.
    public var cpus: CPUList?
    /// Of the time while requests run, what tuning gets.
    public var tuningShare = 0.08
    /// Of the time while requests run, what writing facts gets.
    public var memoryShare = 0.25
    /// nil: as many as for requests.
    public var tuningThreads: Int?
    public var precision = Precision.fast
    /// Of the fast path.
    public var keyValueCache = KeyValueChoice.auto
    public var apiKeyFile: String?
    public var cors = CORSPolicy()
    public var console = Console.auto
    /// Names that clients may have in `model`.
    public var modelAliases: [ModelAlias] = []
    /// Cached prefixes are apart by key; nil: when there are keys.
    public var separatesCaches: Bool?
    public var isLenient = false
    public var policy = RoutePolicy()
    /// Around the router's decision.
    public var requests = RequestPolicy()
    /// Where decisions are written; nil writes none.
    var decisionLogPath: String?
    /// How they are written; its path is `decisionLogPath`.
    var decisions = DecisionLogSettings(path: "")
    public var limits = ServiceLimits()
    public var logLevel = LogThreshold.info
    public var logFormat = LineLogHandler.Format.text

    /// nil writes no decisions.
    public var decisionLog: DecisionLogSettings? {
        get {
            decisionLogPath.map { path in
                var settings = decisions
                settings.path = path
                return settings
            }
        }
        set {
            decisionLogPath = newValue?.path
            if let newValue { decisions = newValue }
        }
    }

    /// The defaults.
    public init(environment: [String: String] = [:]) {
        threads = UsableCPUs.count
        cache = Self.userCache(environment).map { "\($0)/lmoe" }
    }

    /// Errors: `configuration`, naming the flag, the variable or the key.
    public init(_ values: SettingValues) throws(GatewayError) {
        self.init(environment: values.environment)
        let reader = SettingReader(values: values)
        for setting in Setting.allCases { try setting.row.apply(setting, reader, &self) }
    }

    /// `$XDG_CACHE_HOME`, else `~/.cache`.
    private static func userCache(_ environment: [String: String]) -> String? {
        if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") { return folder }
        return environment["HOME"].map { "\($0)/.cache" }
    }
}
