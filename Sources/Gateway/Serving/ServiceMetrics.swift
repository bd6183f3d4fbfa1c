import OpenAIAPI
import Telemetry

/// What `/metrics` says of requests and adapters. Labels are bounded: endpoints by their number, adapters by the registry.
final class ServiceMetrics: Sendable {
    let registry = MetricsRegistry()
    private let requests: MetricFamily<Counter>
    private let seconds: MetricFamily<Histogram>
    private let firstText: MetricFamily<Histogram>
    private let routes: MetricFamily<Counter>
    private let routeSeconds: Histogram
    private let decisions: DecisionMetrics
    private let promptTokens: MetricFamily<Counter>
    private let cachedTokens: MetricFamily<Counter>
    private let completionTokens: MetricFamily<Counter>
    private let clientsLeft: Counter
    private let refreshes: Counter
    private let ready: Gauge

    init() {
        requests = registry.counters(
            "lmoe_requests_total", help: "Requests by endpoint and status.", labels: ["endpoint", "status"])
        seconds = registry.histograms(
            "lmoe_request_seconds", help: "From the request to the end of its answer.", labels: ["endpoint"])
        firstText = registry.histograms(
            "lmoe_first_text_seconds", help: "From the request to its first text.", labels: ["adapter"])
        routes = registry.counters(
            "lmoe_routes_total", help: "Prompts by adapter and by how it was chosen.", labels: ["adapter", "route"])
        routeSeconds = registry.histogram("lmoe_route_seconds", help: "To decide which adapter answers.")
        decisions = DecisionMetrics(registry)
        promptTokens = registry.counters("lmoe_prompt_tokens_total", help: "Tokens read.", labels: ["adapter"])
        cachedTokens = registry.counters(
            "lmoe_cached_tokens_total", help: "Of the tokens read, those from the prefix cache.", labels: ["adapter"])
        completionTokens = registry.counters(
            "lmoe_completion_tokens_total", help: "Tokens written.", labels: ["adapter"])
        clientsLeft = registry.counter("lmoe_clients_left_total", help: "Clients that left before the end.")
        refreshes = registry.counter("lmoe_adapter_refreshes_total", help: "Looks at the adapters folder that found a change.")
        ready = registry.gauge("lmoe_ready", help: "1 when requests are answered.")
    }

    func note(_ record: RequestRecord) {
        requests.with(record.endpoint, String(record.status)).increment()
        seconds.with(record.endpoint).observe(record.milliseconds / 1000)
        if record.clientLeft { clientsLeft.increment() }
        for (adapter, route) in zip(record.adapters, record.routes) {
            routes.with(adapter ?? "base", route.rawValue).increment()
        }
        decisions.note(record)
        if record.routes.contains(where: { $0 != .explicit }) { routeSeconds.observe(record.routeMilliseconds / 1000) }
        let adapter = record.adapterLabel
        if let milliseconds = record.firstTextMilliseconds { firstText.with(adapter).observe(milliseconds / 1000) }
        guard let usage = record.usage else { return }
        promptTokens.with(adapter).increment(by: usage.promptTokens)
        cachedTokens.with(adapter).increment(by: usage.cachedTokens)
        completionTokens.with(adapter).increment(by: usage.completionTokens)
    }

    func observe(_ log: DecisionLog) {
        let dropped = registry.gauge("lmoe_decision_log_dropped", help: "Lines that the decision log lost since the start.")
        registry.addCollector { dropped.set(Double(log.dropped)) }
    }

    func noteRefresh() { refreshes.increment() }
    func setReady(_ isReady: Bool) { ready.set(isReady ? 1 : 0) }

    /// Residency and use of each adapter, read when somebody asks.
    func observe(_ library: AdapterLibrary) {
        let bytes = registry.gauge("lmoe_adapter_resident_bytes", help: "Memory of adapters that are loaded.")
        let resident = registry.gauge("lmoe_adapters_resident", help: "Adapters in memory.")
        let servable = registry.gauge("lmoe_adapters_servable", help: "Adapters that can be named.")
        let pinned = registry.gauge("lmoe_adapters_pinned", help: "Adapters that requests hold.")
        let loads = registry.gauge("lmoe_adapter_loads", help: "Loads since the start.")
        let failures = registry.gauge("lmoe_adapter_failed_loads", help: "Loads that failed since the start.")
        let evictions = registry.gauge("lmoe_adapter_evictions", help: "Adapters that gave way since the start.")
        let loadSeconds = registry.gauge("lmoe_adapter_load_seconds", help: "Time of all loads since the start.")
        registry.addCollector {
            let counters = library.store.counters
            bytes.set(Double(counters.residentBytes))
            resident.set(Double(counters.residentAdapters))
            pinned.set(Double(counters.pinnedAdapters))
            servable.set(Double(library.shelf.names.count))
            loads.set(Double(counters.loads))
            failures.set(Double(counters.failedLoads))
            evictions.set(Double(counters.evictions))
            loadSeconds.set(counters.loadMilliseconds / 1000)
        }
    }
}

extension RequestRecord {
    /// One name for labels and logs; `mixed` when its prompts went to different adapters.
    var adapterLabel: String {
        guard let first = adapters.first else { return "none" }
        return adapters.allSatisfy { $0 == first } ? first ?? "base" : "mixed"
    }
}
