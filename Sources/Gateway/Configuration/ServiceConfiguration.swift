internal import Glibc
public import Models
public import OpenAIAPI
public import Routing
public import Telemetry

/// How the service is set up, after flags, variables and file have been read and checked. Opens nothing.
public struct ServiceConfiguration: Sendable {
    public enum Precision: String, Sendable { case fast, reference }

    public var base = "models/base.gguf"
    /// nil serves without a router and without embeddings.
    public var encoder: String? = "models/encoder"
    /// Nil: `encoder` decides alone.
    public var firstEncoder: String?
    public var adapters = "adapters"
    public var routes: String? = "routes"
    /// The default routes folder need not exist; one that was named must, since access rules in it would not be known.
    public var routesMayBeMissing = true
    /// nil refuses to add adapters over HTTP.
    public var imports: String?
    /// nil keeps no embedded examples.
    public var cache: String?
    public var host = "127.0.0.1"
    public var port = 8080
    public var threads: Int
    public var precision = Precision.fast
    /// Of the fast path.
    public var keyValueFormat = KeyValueFormat.f16
    public var apiKeyFile: String?
    public var cors = CORSPolicy()
    /// Names that clients may have in `model`.
    public var modelAliases: [ModelAlias] = []
    /// Cached prefixes are apart by key; nil: when there are keys.
    public var separatesCaches: Bool?
    public var isLenient = false
    public var policy = RoutePolicy()
    /// Around the router's decision.
    public var requests = RequestPolicy()
    /// nil writes no decisions.
    public var decisionLog: DecisionLogSettings?
    /// Verify several foretold tokens in a step where that pays.
    public var speculates = true
    public var limits = ServiceLimits()
    public var logLevel = LogThreshold.info
    public var logFormat = LineLogHandler.Format.text

    /// The defaults.
    public init(environment: [String: String] = [:]) {
        threads = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        cache = Self.userCache(environment).map { "\($0)/lmoe" }
    }

    /// Errors: `configuration`, naming the flag, the variable or the key.
    public init(_ values: SettingValues) throws(GatewayError) {
        self.init(environment: values.environment)
        let reader = SettingReader(values: values)
        if let path = reader.text(.base) { base = path }
        if let path = reader.text(.encoder) { encoder = path == "none" ? nil : path }
        if let path = reader.text(.firstEncoder) { firstEncoder = path == "none" ? nil : path }
        if let path = reader.text(.adapters) { adapters = path }
        if let path = reader.text(.routes) {
            routes = path == "none" ? nil : path
            routesMayBeMissing = false
        }
        if let path = reader.text(.imports) { imports = path == "none" ? nil : path }
        if let path = reader.text(.cache) { cache = path == "none" ? nil : path }
        if let name = reader.text(.host) { host = name }
        if let number = try reader.integer(.port, 0...65535) { port = number }
        if let number = try reader.integer(.threads, 0...256), number > 0 { threads = number }
        if let choice: Precision = try reader.choice(.precision, ["fast", "reference"]) { precision = choice }
        if let format: KeyValueFormat = try reader.choice(.keyValueCache, KeyValueFormat.allCases.map(\.rawValue)) {
            keyValueFormat = format
        }
        apiKeyFile = reader.text(.apiKeyFile)
        if let origins = reader.text(.corsOrigins) { cors = CORSPolicy(origins) }
        if let text = reader.text(.modelAlias) { modelAliases = try Self.aliases(text, reader.values.value(.modelAlias)?.place) }
        separatesCaches = try reader.flag(.cacheByKey)
        if let flag = try reader.flag(.lenient) { isLenient = flag }
        if let number = try reader.number(.routeThreshold, 0...1) { policy.threshold = number }
        if let number = try reader.integer(.routeNeighbours, 1...1_000) { policy.neighbours = number }
        if let flag = try reader.flag(.speculation) { speculates = flag }
        if let level: LogThreshold = try reader.choice(.logLevel, LogThreshold.allCases.map(\.rawValue)) { logLevel = level }
        if let format: LineLogHandler.Format = try reader.choice(.logFormat, ["text", "json"]) { logFormat = format }
        try readRequests(reader)
        try readLimits(reader)
    }

    private mutating func readLimits(_ reader: SettingReader) throws(GatewayError) {
        if let count = try reader.integer(.adapterMemory, 1...1 << 24) { limits.adapterBudgetBytes = count << 20 }
        if let count = try reader.integer(.keyValueMemory, 1...1 << 24) { limits.keyValueBytes = count << 20 }
        if let count = try reader.integer(.maxSequences, 1...4_096) { limits.activeSequences = count }
        if let count = try reader.integer(.maxQueue, 1...1_000_000) { limits.queuedRequests = count }
        if let count = try reader.integer(.maxConnections, 1...1_000_000) { limits.http.connections = count }
        if let count = try reader.integer(.maxBody, 1...1_024) { limits.http.bodyBytes = count << 20 }
        if let seconds = try reader.number(.rescanSeconds, 0.1...86_400) { limits.rescanMilliseconds = Int(seconds * 1000) }
        if let seconds = try reader.number(.drainSeconds, 0...86_400) { limits.drainMilliseconds = Int(seconds * 1000) }
    }

    private static func aliases(_ text: String, _ place: String?) throws(GatewayError) -> [ModelAlias] {
        var aliases: [ModelAlias] = []
        for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            guard let alias = ModelAlias(text: String(part)) else {
                throw GatewayError(.configuration, "expected NAME or NAME=ADAPTER, found `\(part)`", place: place)
            }
            aliases.append(alias)
        }
        return aliases
    }

    /// `$XDG_CACHE_HOME`, else `~/.cache`.
    private static func userCache(_ environment: [String: String]) -> String? {
        if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") { return folder }
        return environment["HOME"].map { "\($0)/.cache" }
    }
}

/// Typed values of settings.
struct SettingReader {
    let values: SettingValues

    /// nil where it is not set, or empty.
    func text(_ setting: Setting) -> String? {
        guard let text = values.value(setting)?.text, !text.isEmpty else { return nil }
        return text
    }

    func integer(_ setting: Setting, _ range: ClosedRange<Int>) throws(GatewayError) -> Int? {
        guard let (text, place) = found(setting) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw GatewayError(
                .configuration, "expected a whole number from \(range.lowerBound) to \(range.upperBound), found `\(text)`",
                place: place)
        }
        return number
    }

    func number(_ setting: Setting, _ range: ClosedRange<Double>) throws(GatewayError) -> Double? {
        guard let (text, place) = found(setting) else { return nil }
        guard let number = Double(text), range.contains(number) else {
            throw GatewayError(
                .configuration, "expected a number from \(range.lowerBound) to \(range.upperBound), found `\(text)`",
                place: place)
        }
        return number
    }

    func flag(_ setting: Setting) throws(GatewayError) -> Bool? {
        guard let (text, place) = found(setting) else { return nil }
        switch text.lowercased() {
        case "1", "true", "yes", "on": return true
        case "0", "false", "no", "off": return false
        default: throw GatewayError(.configuration, "expected true or false, found `\(text)`", place: place)
        }
    }

    func choice<Choice: RawRepresentable<String>>(
        _ setting: Setting, _ names: [String]
    ) throws(GatewayError) -> Choice? {
        guard let (text, place) = found(setting) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw GatewayError(
                .configuration, "expected one of \(names.joined(separator: ", ")), found `\(text)`", place: place)
        }
        return choice
    }

    private func found(_ setting: Setting) -> (text: String, place: String)? {
        values.value(setting).flatMap { $0.text.isEmpty ? nil : $0 }
    }
}
