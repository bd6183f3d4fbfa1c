import Gateway
import Generation
import Inference
import Models
import Routing

/// Which cases are measured, and how often.
struct BenchPlan {
    var sections = Set(Bench.Section.allCases)
    var prompts = [128, 512, 2048]
    var rows = [1, 2, 4, 8, 16, 32]
    /// Tokens in the cache before decoding is timed.
    var contexts = [128]
    /// Whether steps are taken apart by phase.
    var profiles = false
    var ranks = [8, 16, 64]
    /// Of made mixtures.
    var mixtures = [16]
    /// Adapters of the folder; empty: made ones of `ranks` and `mixtures`.
    var names: [String] = []
    var tokens = 32
    var repeats = 3
    var routedAdapters = [10, 1_000, 10_000]
    /// Made adapters on disk, for first uses.
    var diskAdapters = 8
    var requests = 200

    static let quick: BenchPlan = {
        var plan = BenchPlan()
        (plan.prompts, plan.rows, plan.ranks, plan.tokens, plan.repeats) = ([512], [1, 8], [16], 16, 1)
        (plan.routedAdapters, plan.diskAdapters, plan.requests) = ([1_000], 3, 50)
        return plan
    }()
}

/// Opens what a plan needs and measures section by section, telling what it does.
struct BenchRun {
    let plan: BenchPlan
    let workspace: Workspace

    /// What a service would hold comes first, so that the memory after it is a service's; made adapters by the dozen come after.
    func report() async throws -> BenchReport {
        var memory = [ProcessMemory.now("the start")]
        let base = try workspace.base()
        memory.append(.now("opening the base"))
        var latency: LatencyMeasure?
        var http: HTTPMeasure?
        if has(.latency) || has(.http) {
            Terminal.progress("first tokens and HTTP")
            let bench = try Workbench(workspace.configuration, base: base, count: plan.diskAdapters)
            if has(.latency) { latency = try LatencyMeasure(bench, repeats: plan.repeats) }
            if has(.http) { http = try await HTTPMeasure(bench, requests: plan.requests) }
            memory.append(.now("requests for \(bench.names.count) adapters of rank \(Workbench.rank)"))
        }
        let embedder = has(.routing) ? try workspace.configuration.openEmbedder(workspace.pool) : nil
        let routing = try embedder.map { try route(base, $0) }
        let encoder = try embedder.map { try EncoderMeasure($0, repeats: plan.repeats) }
        if embedder != nil { memory.append(.now("routing with the encoder")) }
        Terminal.progress("the machine's ceilings")
        var report = BenchReport(
            machine: Machine(pool: workspace.pool), base: base, latency: latency, http: http, encoder: encoder, routing: routing)
        if has(.prefill) || has(.decode) {
            let measure = StepMeasure(
                workspace: try base.makeWorkspace(), threads: workspace.pool.threads, tokens: plan.tokens, repeats: plan.repeats,
                profiles: plan.profiles)
            let sets = try adapterSets(base)
            if has(.prefill) { report.prefill = try prefill(measure, sets) }
            if has(.decode) { report.decode = try decode(measure, sets) }
        }
        if has(.tuning) {
            Terminal.progress("tuning")
            report.tuning = try TuningMeasure(base: base, pool: workspace.pool, repeats: plan.repeats).results()
        }
        if has(.tuningBesideServing) {
            Terminal.progress("tuning beside serving")
            let bench = try Workbench(workspace.configuration, base: base, count: 0)
            report.sharedCores = try SharedCoresMeasure(bench, pool: workspace.pool, repeats: plan.repeats)
        }
        if has(.grammar) {
            Terminal.progress("constrained answers")
            report.grammar = try GrammarMeasure(base, configuration: workspace.configuration, repeats: plan.repeats)
        }
        if let embedder { report.routingScale = try routeAtScale(embedder) }
        if has(.memory) { report.memory = memory }
        return report
    }

    private func has(_ section: Bench.Section) -> Bool { plan.sections.contains(section) }

    // MARK: Steps

    /// Adapters that go into one mix together: as many as the widest step has rows.
    private struct AdapterSet {
        let rank: Int
        let name: String
        let deltas: [AdapterDelta]
        /// Names of the folder's adapters, or nothing for made ones.
        let names: [String]

        /// `rows` of one adapter, and of different ones.
        func mixes(_ rows: Int) -> [AdapterMix] {
            let one = AdapterMix(kind: .one, label: names.first ?? name, rank: rank, deltas: Array(deltas.prefix(1)))
            let several = Array(deltas.prefix(rows))
            guard several.count > 1 else { return [one] }
            let label = names.isEmpty ? "\(several.count) x \(name)" : "\(several.count) different"
            return [one, AdapterMix(kind: .different, label: label, rank: rank, deltas: several)]
        }
    }

    private func adapterSets(_ base: BaseModel) throws -> [AdapterSet] {
        let configuration = base.decoder.configuration
        guard plan.names.isEmpty else {
            let store = workspace.configuration.openStore(for: base.weights)
            let deltas = try plan.names.map { try store.acquire($0).delta }
            return [AdapterSet(rank: 0, name: "", deltas: deltas, names: plan.names)]
        }
        let widest = max(plan.rows.max() ?? 1, Self.promptsAtMost)
        let sets = plan.ranks.count + plan.mixtures.count
        func set(_ rank: Int, _ name: String, bytes: Int, _ make: () throws(ModelError) -> AdapterDelta) throws -> AdapterSet {
            // All sets together take half of what the machine has left, at most.
            let affordable = ProcessMemory.available / 2 / sets / max(bytes, 1)
            let count = max(min(widest, affordable), 1)
            if count < widest { Terminal.say("lmoe: memory for \(count) adapters of \(name) only; more rows share them") }
            Terminal.progress("making \(count) adapters of \(name)")
            return AdapterSet(rank: rank, name: name, deltas: try (0..<count).map { _ in try make() }, names: [])
        }
        return try plan.ranks.map { rank in
            let made = MadeAdapter(rank: rank, seed: UInt64(rank), for: configuration)
            return try set(rank, "rank \(rank)", bytes: made.byteCount, made.delta)
        } + plan.mixtures.map { rank in
            let made = MadeMixture(rank: rank, seed: UInt64(rank), for: configuration)
            return try set(
                rank, "MixLoRA \(MadeMixture.chosen) of \(MadeMixture.experts) rank \(rank)", bytes: made.byteCount, made.delta)
        }
    }

    private static let promptsAtMost = 8

    private func prefill(_ measure: StepMeasure, _ sets: [AdapterSet]) throws -> [StepResult] {
        let most = measure.decoder.configuration.contextLength
        return try plan.prompts.flatMap { length in
            guard length <= most else {
                Terminal.say("lmoe: no prompt of \(length) tokens: the base has room for \(most)")
                return [StepResult]()
            }
            Terminal.progress("prefill \(length)")
            let prompts = min(max(length / 64, 1), Self.promptsAtMost)
            return try measure.prefill(length, [.base] + sets.flatMap { $0.mixes(prompts) })
        }
    }

    private func decode(_ measure: StepMeasure, _ sets: [AdapterSet]) throws -> [StepResult] {
        let most = measure.decoder.configuration.contextLength - plan.tokens
        return try plan.contexts.flatMap { context in
            guard context <= most else {
                Terminal.say("lmoe: no decoding after \(context) tokens: the base has room for \(most) before the \(plan.tokens) that are decoded")
                return [StepResult]()
            }
            return try plan.rows.flatMap { rows in
                Terminal.progress("decode \(rows) rows after \(context) tokens")
                return try measure.decode(rows, after: context, [.base] + sets.flatMap { $0.mixes(rows) })
            }
        }
    }

    // MARK: Routing

    /// The folder's adapters.
    private func route(_ base: BaseModel, _ embedder: any TextEmbedder) throws -> RoutingMeasure {
        Terminal.progress("routing")
        let library = try workspace.configuration.openLibrary(for: base.weights, embedder: embedder)
        Workspace.report(library.refresh())
        guard let router = library.router else { preconditionFailure("a library with an encoder has a router") }
        return try RoutingMeasure(router, repeats: plan.repeats)
    }

    private func routeAtScale(_ embedder: any TextEmbedder) throws -> [RoutingScale] {
        try plan.routedAdapters.map { count in
            Terminal.progress("routing over \(count) adapters")
            return try RoutingScale(adapters: count, encoder: embedder, repeats: plan.repeats)
        }
    }
}
