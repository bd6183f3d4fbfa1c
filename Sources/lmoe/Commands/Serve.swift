import ArgumentParser
import Gateway
import Logging
import Telemetry

/// `lmoe serve`: the gateway.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve the OpenAI API; the adapters folder is watched.",
        discussion: """
            EXAMPLES
              lmoe serve
              lmoe serve --port 9000 --adapters /srv/adapters --api-key-file keys
              LMOE_LOG_FORMAT=json lmoe serve --config lmoe.yaml

            Prints the address, the limits and the adapters. At SIGTERM or SIGINT running requests finish; a second signal stops \
            at once.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var folders: FolderOptions
    @OptionGroup var steps: EngineOptions
    @OptionGroup var service: ServiceOptions

    func run() async throws {
        let flags = folders.flags.merging(service.flags) { _, more in more }.merging(steps.flags) { _, more in more }
        var settings = try Workspace.configuration(
            flags: model.flags.merging(flags) { _, more in more }, file: model.config)
        settings.limits.fitDescriptors()
        let configuration = settings
        let logger = Logger(threshold: configuration.logLevel, format: configuration.logFormat)
        try await Service.run(
            configuration, logger: logger, version: LMoE.version,
            opening: { try configuration.openParts(logger) },
            listening: { port in
                print("lmoe \(LMoE.version) on http://\(configuration.host):\(port)/v1")
                for line in configuration.limits.lines { print("  \(line)") }
                Terminal.flush()
            }, looked: Serve.list)
        ExitStatus.leave()
    }

    /// More would hide the limits, and could fill a pipe that is not read.
    private static let listed = 20

    @Sendable private static func list(_ library: AdapterLibrary) {
        let shelf = library.shelf
        for name in shelf.names.prefix(listed) {
            let entry = shelf.entries[name]
            print("  adapter \(name)  \(entry?.routingProblem ?? entry?.route?.description ?? "")")
        }
        if shelf.names.count > listed { print("  and \(shelf.names.count - listed) more: lmoe adapters list") }
        Terminal.flush()
    }
}

/// What only the service needs.
struct ServiceOptions: SettingOptions {
    @Option(.host) var host: String?
    @Option(.port) var port: String?
    @Option(.precision) var precision: String?
    @Option(.imports) var imports: String?
    @Option(.uploadLimit) var uploadLimit: String?
    @Option(.memory) var memory: String?
    @Option(.memoryAccess) var memoryAccess: String?
    @Option(.tuningFolder) var tuningFolder: String?
    @Option(.tuningAccess) var tuningAccess: String?
    @Option(.tuningJobs) var tuningJobs: String?
    @Option(.memoryShare) var memoryShare: String?
    @Option(.tuningShare) var tuningShare: String?
    @Option(.tuningThreads) var tuningThreads: String?
    @Option(.apiKeyFile) var apiKeyFile: String?
    @Option(.corsOrigins) var corsOrigins: String?
    @Option(.console) var console: String?
    @Option(.modelAlias) var modelAlias: [String] = []
    @Option(.cacheByKey) var cacheByKey: String?
    @Option(.lenient) var lenient: String?
    @Option(.llmRouting) var llmRouting: String?
    @Option(.llmRoutingMilliseconds) var llmRoutingMilliseconds: String?
    @Option(.decisionLog) var decisionLog: String?
    @Option(.decisionLogSample) var decisionLogSample: String?
    @Option(.decisionLogPrompts) var decisionLogPrompts: String?
    @Option(.decisionLogSize) var decisionLogSize: String?
    @Option(.maxSequences) var maxSequences: String?
    @Option(.maxQueue) var maxQueue: String?
    @Option(.defaultMaxTokens) var defaultMaxTokens: String?
    @Option(.maxConnections) var maxConnections: String?
    @Option(.maxBody) var maxBody: String?
    @Option(.rescanSeconds) var rescanSeconds: String?
    @Option(.drainSeconds) var drainSeconds: String?
    @Option(.logLevel) var logLevel: String?
    @Option(.logFormat) var logFormat: String?
}
