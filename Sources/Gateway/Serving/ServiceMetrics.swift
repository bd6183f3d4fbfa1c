import OpenAIAPI
import Serving
internal import Synchronization
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
    private let memories: MemoryMetrics
    private let promptTokens: MetricFamily<Counter>
    private let cachedTokens: MetricFamily<Counter>
    private let completionTokens: MetricFamily<Counter>
    private let clientsLeft: Counter
    private let refreshes: Counter
    private let ready: Gauge
    private let isReady = Atomic(false)

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
        memories = MemoryMetrics(registry)
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
        for decision in record.decisions.compactMap({ $0 }) {
            routes.with(decision.adapter ?? "base", decision.route.rawValue).increment()
            decisions.note(decision)
            if decision.route != .explicit { routeSeconds.observe(decision.milliseconds / 1000) }
        }
        for memory in record.memories { memories.note(memory) }
        let adapter = record.adapterLabel
        if let milliseconds = record.firstTextMilliseconds { firstText.with(adapter).observe(milliseconds / 1000) }
        guard let usage = record.usage else { return }
        promptTokens.with(adapter).increment(by: usage.promptTokens)
        cachedTokens.with(adapter).increment(by: usage.cachedTokens)
        completionTokens.with(adapter).increment(by: usage.completionTokens)
    }

    /// Work that leaves the loop for routing, and adapters that are loaded ahead of their requests; read for each `/metrics`.
    func observe(_ serving: RoutedBackend, _ routing: WorkQueue) {
        let gauges: [(Gauge, @Sendable (Prefetch.Counters) -> Int)] = [
            (gauge("prefetch_waiting", "Adapters that wait to be loaded ahead of their requests."), { $0.waiting }),
            (gauge("prefetch_running", "Adapters that are loaded ahead of their requests now."), { $0.running }),
            (gauge("prefetch_loaded", "Adapters that were loaded ahead, since the start."), { $0.loaded }),
            (gauge("prefetch_failed", "Adapters that could not be loaded ahead, since the start."), { $0.failed }),
            (gauge("prefetch_dropped", "Adapters that were not loaded ahead because too many waited, since the start."), { $0.dropped }),
        ]
        let waiting = gauge("routing_queue", "Prompts and texts that wait to be routed or embedded, or are.")
        let refused = gauge("routing_refused", "Prompts and texts that were refused because too many waited, since the start.")
        registry.addCollector {
            let counters = serving.prefetchCounters
            for (gauge, value) in gauges { gauge.set(Double(value(counters))) }
            waiting.set(Double(routing.count))
            refused.set(Double(routing.refused))
        }
    }

    private func gauge(_ name: String, _ help: String) -> Gauge { registry.gauge("lmoe_\(name)", help: help) }

    func observe(_ log: DecisionLog) {
        let dropped = registry.gauge("lmoe_decision_log_dropped", help: "Lines that the decision log lost since the start.")
        registry.addCollector { dropped.set(Double(log.dropped)) }
    }

    func observe(_ desk: MemoryDesk) { memories.observe(desk, registry) }

    func noteRefresh() { refreshes.increment() }
    func setReady(_ isReady: Bool) { self.isReady.store(isReady, ordering: .relaxed) }

    /// As `/ready` answers, read for each `/metrics`.
    func observeReadiness(_ parts: ServiceParts) {
        registry.addCollector { [self] in
            let isReady = isReady.load(ordering: .relaxed) && parts.library.shelf.condition.adapters == nil && parts.backend.status.health == .ready
            ready.set(isReady ? 1 : 0)
        }
    }

    /// Residency and use of each adapter, read for each `/metrics`.
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
        let names = Set(decisions.compactMap { $0 }.map { $0.adapter ?? "base" })
        return names.count > 1 ? "mixed" : names.first ?? "none"
    }
}
