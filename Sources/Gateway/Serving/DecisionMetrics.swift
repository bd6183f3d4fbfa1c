import Generation
import Telemetry

/// What `/metrics` says of the router's decisions. Labels are bounded: adapters by the registry.
struct DecisionMetrics: Sendable {
    private let probability: MetricFamily<Histogram>
    private let fallbacks: MetricFamily<Counter>
    private let defaults: MetricFamily<Counter>
    private let stays: MetricFamily<Counter>
    private let canaries: MetricFamily<Counter>
    private let languageModel: MetricFamily<Counter>
    private let firstEncoder: MetricFamily<Counter>
    private let unavailable: MetricFamily<Counter>

    private static let bounds = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]

    init(_ registry: MetricsRegistry) {
        probability = registry.histograms(
            "lmoe_route_probability", help: "Of the best candidate, chosen or not.", labels: ["adapter"], bounds: Self.bounds)
        fallbacks = registry.counters(
            "lmoe_route_fallbacks_total", help: "Prompts for which no adapter was probable enough, by the best one.",
            labels: ["adapter"])
        defaults = registry.counters(
            "lmoe_route_defaults_total", help: "Prompts that the default adapter answered instead of the base.", labels: ["adapter"])
        stays = registry.counters(
            "lmoe_route_stays_total", help: "Turns that stayed on their conversation's adapter against another decision.",
            labels: ["adapter"])
        canaries = registry.counters(
            "lmoe_route_canary_total", help: "Draws between an adapter and its new version, by the one that won.",
            labels: ["adapter", "version"])
        languageModel = registry.counters(
            "lmoe_route_language_model_total", help: "Questions to the base model: it chose one, none, or failed.",
            labels: ["outcome"])
        firstEncoder = registry.counters(
            "lmoe_route_first_encoder_total", help: "Prompts that the first encoder of a cascade was sure of, or not.", labels: ["outcome"])
        unavailable = registry.counters(
            "lmoe_route_unavailable_total", help: "Prompts whose adapter was chosen and could not answer: removed, not loadable, or not fit for them.",
            labels: ["adapter"])
    }

    func note(_ decision: RouteDecision) {
        guard decision.route != .explicit else { return }
        let (notes, adapter, best) = (decision.notes, decision.adapter ?? "base", decision.candidates.first?.adapter)
        if let best, let value = decision.probability { probability.with(best).observe(value) }
        // An adapter that was chosen and could not answer was probable enough: `unavailable` counts it.
        if decision.route == .fallback, notes.unavailable.isEmpty { fallbacks.with(best ?? "none").increment() }
        for name in notes.unavailable { unavailable.with(name).increment() }
        if notes.isDefault { defaults.with(adapter).increment() }
        if let first = notes.first { firstEncoder.with(first.isSure ? "sure" : "unsure").increment() }
        if notes.conversation?.stays == true { stays.with(notes.canary?.of ?? adapter).increment() }
        if let canary = notes.canary { canaries.with(canary.of, adapter).increment() }
        if let judgement = notes.judgement {
            languageModel.with(judgement.failure != nil ? "failed" : judgement.choice == nil ? "none" : "chose").increment()
        }
    }
}
