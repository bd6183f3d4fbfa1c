import ArgumentParser
import Gateway

/// Which model and encoder, and how they run. Values are checked with their variables and the file's, in one place.
struct ModelOptions: SettingOptions {
    @Option(.base) var base: String?
    @Option(.encoder) var encoder: String?
    @Option(.threads) var threads: String?
    @Option(.cpus) var cpus: String?
    @Option(name: .customLong("config"), help: ArgumentHelp("A YAML file with settings, such as `port: 9000`.", valueName: "file"))
    var givenConfig: String?
    var config: String? { givenConfig ?? Variables.text("config") }
}

/// What tuning gets of the cores beside requests.
struct SharingOptions: SettingOptions {
    @Option(.tuningShare) var tuningShare: String?
    @Option(.tuningThreads) var tuningThreads: String?
}

/// Where adapters and their routing data are, and how the router decides.
struct FolderOptions: SettingOptions {
    @Option(.adapters) var adapters: String?
    @Option(.routes) var routes: String?
    @Option(.cache) var cache: String?
    @Option(.adapterMemory) var adapterMemory: String?
    @Option(.keyValueMemory) var keyValueMemory: String?
    @Option(.keyValueCache) var keyValueCache: String?
    @Option(.firstEncoder) var firstEncoder: String?
    @Option(.routeThreshold) var routeThreshold: String?
    @Option(.routeNeighbours) var routeNeighbours: String?
    @Option(.routeText) var routeText: String?
    @Option(.stickyMargin) var stickyMargin: String?
    @Option(.defaultAdapter) var defaultAdapter: String?
}
