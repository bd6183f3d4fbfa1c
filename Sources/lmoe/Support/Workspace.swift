import Adapters
import ArgumentParser
import Embeddings
import Foundation
import Gateway
import Inference
import Models
import Routing
import Tensors
import Tokenizers

/// Opens what a command needs, and no more, as the settings say.
struct Workspace: Sendable {
    let configuration: ServiceConfiguration
    let pool: WorkerPool

    /// Errors: `configuration`, which is exit status 2.
    init(_ model: ModelOptions, flags: [Setting: String] = [:]) throws {
        try self.init(flags: model.flags.merging(flags) { _, more in more }, file: model.config)
    }

    init(flags: [Setting: String], file: String?) throws {
        configuration = try Workspace.configuration(flags: flags, file: file)
        pool = WorkerPool(threads: configuration.threads)
    }

    static func configuration(flags: [Setting: String], file: String?) throws -> ServiceConfiguration {
        var values = SettingValues(flags: flags, environment: ProcessInfo.processInfo.environment)
        if let file {
            guard let text = SmallFile.read(file, limitBytes: 1 << 20) else {
                throw Failure.usage("\(file): can't be read as text of at most 1 MiB")
            }
            values.file = try SettingValues.parse(file: text, place: file)
        }
        return try ServiceConfiguration(values)
    }

    func modelFiles() throws -> ModelFiles { try configuration.openModelFiles() }

    func base(_ precision: Decoder.Precision? = nil) throws -> BaseModel {
        Terminal.progress("opening \(configuration.base)")
        let precision = precision ?? (configuration.precision == .reference ? .reference : .fast)
        return try BaseModel.open(configuration.base, precision: precision, pool: pool)
    }

    /// Nil when the settings say `none`.
    func embedder() throws -> EncoderEmbedder? {
        guard let folder = configuration.encoder else { return nil }
        let precision: Decoder.Precision = configuration.precision == .reference ? .reference : .fast
        return try EncoderEmbedder(folder: folder, precision: precision, pool: pool)
    }

    var routeFiles: RouteFiles {
        RouteFiles(routesFolder: configuration.routes, limits: configuration.limits.routing)
    }

    /// Adapters and router, up to date. Problems with single adapters are told on stderr, the rest goes on.
    func library(base: DecoderConfiguration, isRouted: Bool = true) throws -> AdapterLibrary {
        let library = configuration.openLibrary(for: base, embedder: isRouted ? try embedder() : nil)
        let refresh = library.refresh()
        for (name, error) in refresh.changes.rejected.sorted(by: { $0.key < $1.key }) {
            Terminal.say("lmoe: adapter \(name) is rejected: \(error)")
        }
        for (name, problem) in refresh.routingProblems.sorted(by: { $0.key < $1.key }) {
            Terminal.say("lmoe: adapter \(name) is not routed: \(problem)")
        }
        if let failure = refresh.routerFailure { throw Failure(message: "the router can't be built: \(failure)") }
        return library
    }

    func engine(_ base: BaseModel, _ library: AdapterLibrary) -> Engine {
        var limits = InferenceLimits()
        limits.keyValueBytes = configuration.limits.keyValueBytes
        limits.activeSequences = configuration.limits.activeSequences
        limits.queuedRequests = configuration.limits.queuedRequests
        return Engine(base: base, store: library.store, limits: limits)
    }
}
