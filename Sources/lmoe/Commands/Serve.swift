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

            Prints the address, the limits and the adapters. SIGTERM and SIGINT let running requests finish; a second
            one stops at once.
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
            opening: { try configuration.openParts() },
            listening: { port in
                print("lmoe \(LMoE.version) on http://\(configuration.host):\(port)/v1")
                for line in configuration.limits.lines { print("  \(line)") }
                Terminal.flush()
            }, looked: Serve.list)
    }

    /// More would bury the limits, and fill a pipe that nobody reads.
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
struct ServiceOptions: ParsableArguments {
    @Option(help: Setting.host.help) var host: String?
    @Option(help: Setting.port.help) var port: String?
    @Option(help: Setting.precision.help) var precision: String?
    @Option(help: Setting.imports.help) var imports: String?
    @Option(help: Setting.apiKeyFile.help) var apiKeyFile: String?
    @Option(help: Setting.corsOrigins.help) var corsOrigins: String?
    @Option(help: Setting.modelAlias.help) var modelAlias: [String] = []
    @Option(help: Setting.cacheByKey.help) var cacheByKey: String?
    @Option(help: Setting.lenient.help) var lenient: String?
    @Option(help: Setting.llmRouting.help) var llmRouting: String?
    @Option(name: .customLong("llm-routing-ms"), help: Setting.llmRoutingMilliseconds.help) var llmRoutingMilliseconds: String?
    @Option(help: Setting.decisionLog.help) var decisionLog: String?
    @Option(help: Setting.decisionLogSample.help) var decisionLogSample: String?
    @Option(help: Setting.decisionLogPrompts.help) var decisionLogPrompts: String?
    @Option(help: Setting.decisionLogSize.help) var decisionLogSize: String?
    @Option(help: Setting.maxSequences.help) var maxSequences: String?
    @Option(help: Setting.maxQueue.help) var maxQueue: String?
    @Option(help: Setting.maxConnections.help) var maxConnections: String?
    @Option(help: Setting.maxBody.help) var maxBody: String?
    @Option(help: Setting.rescanSeconds.help) var rescanSeconds: String?
    @Option(help: Setting.drainSeconds.help) var drainSeconds: String?
    @Option(help: Setting.logLevel.help) var logLevel: String?
    @Option(help: Setting.logFormat.help) var logFormat: String?

    var flags: [Setting: String] {
        let values: [(Setting, String?)] = [
            (.host, host), (.port, port), (.precision, precision), (.imports, imports), (.apiKeyFile, apiKeyFile),
            (.corsOrigins, corsOrigins), (.modelAlias, modelAlias.isEmpty ? nil : modelAlias.joined(separator: ",")),
            (.cacheByKey, cacheByKey), (.lenient, lenient), (.llmRouting, llmRouting),
            (.llmRoutingMilliseconds, llmRoutingMilliseconds), (.decisionLog, decisionLog),
            (.decisionLogSample, decisionLogSample), (.decisionLogPrompts, decisionLogPrompts),
            (.decisionLogSize, decisionLogSize), (.maxSequences, maxSequences), (.maxQueue, maxQueue),
            (.maxConnections, maxConnections), (.maxBody, maxBody), (.rescanSeconds, rescanSeconds),
            (.drainSeconds, drainSeconds), (.logLevel, logLevel), (.logFormat, logFormat),
        ]
        return Dictionary(uniqueKeysWithValues: values.compactMap { key, value in value.map { (key, $0) } })
    }
}
