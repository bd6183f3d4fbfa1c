import ArgumentParser
import Gateway

/// Which model and encoder, and how they run. Values are checked with their variables and the file's, in one place.
struct ModelOptions: ParsableArguments {
    @Option(help: Setting.base.help) var base: String?
    @Option(help: Setting.encoder.help) var encoder: String?
    @Option(help: Setting.threads.help) var threads: String?
    @Option(name: .customLong("config"), help: ArgumentHelp("A YAML file with settings, such as `port: 9000`.", valueName: "file"))
    var givenConfig: String?
    var config: String? { givenConfig ?? Variables.text("config") }

    var flags: [Setting: String] {
        var flags: [Setting: String] = [:]
        flags[.base] = base
        flags[.encoder] = encoder
        flags[.threads] = threads
        return flags
    }
}

/// Where adapters and their routing data are, and how the router decides.
struct FolderOptions: ParsableArguments {
    @Option(help: Setting.adapters.help) var adapters: String?
    @Option(help: Setting.routes.help) var routes: String?
    @Option(help: Setting.cache.help) var cache: String?
    @Option(help: Setting.adapterMemory.help) var adapterMemory: String?
    @Option(name: .customLong("kv-memory"), help: Setting.keyValueMemory.help) var keyValueMemory: String?
    @Option(name: .customLong("kv-cache"), help: Setting.keyValueCache.help) var keyValueCache: String?
    @Option(help: Setting.firstEncoder.help) var firstEncoder: String?
    @Option(help: Setting.routeThreshold.help) var routeThreshold: String?
    @Option(help: Setting.routeNeighbours.help) var routeNeighbours: String?
    @Option(help: Setting.routeText.help) var routeText: String?
    @Option(help: Setting.stickyMargin.help) var stickyMargin: String?
    @Option(help: Setting.defaultAdapter.help) var defaultAdapter: String?

    var flags: [Setting: String] {
        var flags: [Setting: String] = [:]
        flags[.adapters] = adapters
        flags[.routes] = routes
        flags[.cache] = cache
        flags[.adapterMemory] = adapterMemory
        flags[.keyValueMemory] = keyValueMemory
        flags[.keyValueCache] = keyValueCache
        flags[.firstEncoder] = firstEncoder
        flags[.routeThreshold] = routeThreshold
        flags[.routeNeighbours] = routeNeighbours
        flags[.routeText] = routeText
        flags[.stickyMargin] = stickyMargin
        flags[.defaultAdapter] = defaultAdapter
        return flags
    }
}

extension Setting {
    /// The summary with its variable.
    var help: ArgumentHelp {
        ArgumentHelp("\(summary.prefix(1).uppercased())\(summary.dropFirst()). [\(variable)]", valueName: "value")
    }
}
