import Files
import Foundation
import Gateway
import Generation
import Inference
import Models
import Serving
import Tensors

/// The settings of a command, and the threads that compute. What a command needs is opened by Gateway's assembly.
struct Workspace: Sendable {
    let configuration: ServiceConfiguration
    let pool: WorkerPool
    let encoder: EncoderOnDemand

    /// Errors: `configuration`, which is exit status 2.
    init(_ model: ModelOptions, flags: [Setting: String] = [:]) throws {
        try self.init(flags: model.flags.merging(flags) { _, more in more }, file: model.config)
    }

    init(flags: [Setting: String], file: String?) throws {
        configuration = try Workspace.configuration(flags: flags, file: file)
        pool = try configuration.startPool()
        encoder = EncoderOnDemand(configuration, pool)
    }

    /// Models that a hub has are fetched where the cache does not have them.
    static func configuration(flags: [Setting: String], file: String?) throws -> ServiceConfiguration {
        var values = SettingValues(flags: flags, environment: ProcessInfo.processInfo.environment)
        if let file {
            values.file = try SettingValues.parse(file: try text(file, limitBytes: 1 << 20), place: file)
        }
        var configuration = try ServiceConfiguration(values)
        configuration.base = try HubAccess.path(configuration.base)
        configuration.encoder = try configuration.encoder.map(HubAccess.path)
        configuration.firstEncoder = try configuration.firstEncoder.map(HubAccess.path)
        return configuration
    }

    /// A text file that an argument names. Errors: what is wrong with it, which is exit status 2.
    static func text(_ file: String, limitBytes: Int) throws -> String {
        do throws(FileError) {
            return try RegularFile.text(file, limitBytes: limitBytes)
        } catch {
            throw Failure.usage(error.description)
        }
    }

    func base() throws -> BaseModel {
        Terminal.progress("opening \(configuration.base)")
        return try configuration.openBase(pool)
    }

    /// Adapters and router, up to date. Problems with single adapters are printed on stderr; the command goes on.
    func library(base: BaseWeights, isRouted: Bool = true) throws -> AdapterLibrary {
        let library = try configuration.openLibrary(
            for: base, embedder: isRouted ? try encoder.open() : nil, first: isRouted ? try configuration.openFirstEmbedder(pool) : nil)
        let refresh = library.refresh()
        Workspace.report(refresh)
        if let failure = refresh.routerFailure { throw Failure(message: "the router cannot be built: \(failure)") }
        return library
    }

    /// The serving layer of a command: its failures are told on stderr.
    static func serving(_ backend: any GenerationBackend, _ library: AdapterLibrary) -> RoutedBackend {
        library.serving(
            backend, queue: WorkQueue("lmoe.routing", capacity: 16, purpose: "to be routed"),
            decided: { decision, _ in
                if let cause = decision.notes.judgement?.cause { Terminal.say("lmoe: the language model did not judge: \(cause)") }
            },
            fellBack: { fallback in
                Terminal.say("lmoe: \(fallback.adapter) was chosen and cannot answer: \(fallback.error.message)")
            })
    }

    static func report(_ refresh: AdapterLibrary.Refresh) {
        if let failure = refresh.changes.folderFailure { Terminal.say("lmoe: the adapters folder cannot be read: \(failure)") }
        for (name, error) in refresh.changes.rejected.sorted(by: { $0.key < $1.key }) {
            Terminal.say("lmoe: adapter \(name) is rejected: \(error)")
        }
        for (name, problem) in refresh.routingProblems.sorted(by: { $0.key < $1.key }) {
            Terminal.say("lmoe: adapter \(name) is not routed: \(problem)")
        }
        for (owner, problem) in refresh.ruleProblems { Terminal.say("lmoe: a rule of \(owner) has no effect: \(problem)") }
        for doubt in refresh.doubts { Terminal.say("lmoe: access rules or routing data cannot be read: \(doubt)") }
        if let problem = refresh.cacheProblem { Terminal.say("lmoe: the cache of embedded examples does not work: \(problem)") }
    }
}
