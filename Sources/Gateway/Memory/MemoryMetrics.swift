import OpenAIAPI
internal import Synchronization
import Telemetry

/// What `/metrics` says of memories. Labels are bounded: memories by the registry, outcomes by their number.
final class MemoryMetrics: Sendable {
    private let gates: MetricFamily<Counter>
    private let gateSeconds: Histogram
    private let answers: MetricFamily<Counter>
    private let facts: MetricFamily<Counter>
    private let stored: MetricFamily<Gauge>
    private let waiting: Gauge
    /// Memories whose facts were counted at the last exposition.
    private let counted = Mutex<Set<String>>([])

    init(_ registry: MetricsRegistry) {
        gates = registry.counters(
            "lmoe_memory_gates_total", help: "Prompts for which a memory was asked, and whether it found a fact that is meant.",
            labels: ["memory", "outcome"])
        gateSeconds = registry.histogram(
            "lmoe_memory_gate_seconds", help: "To ask one memory, with the encoder.",
            bounds: [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5])
        answers = registry.counters(
            "lmoe_memory_answers_total", help: "Prompts that a fact answered, by the memory that holds it.", labels: ["memory"])
        facts = registry.counters(
            "lmoe_memory_facts_total", help: "Facts that were told, changed or forgotten over HTTP, by what became of them.",
            labels: ["memory", "outcome"])
        stored = registry.gauges("lmoe_memory_facts_stored", help: "Facts of each memory that is open.", labels: ["memory"])
        waiting = registry.gauge("lmoe_memory_facts_waiting", help: "Facts that wait to be written.")
    }

    func note(_ record: MemoryRecord) {
        for asked in record.asked {
            gates.with(asked.memory, asked.isOpen ? "opened" : "closed").increment()
            gateSeconds.observe(asked.milliseconds / 1000)
        }
        if let recall = record.recall { answers.with(recall.memory).increment() }
    }

    /// What the desk does from now on, and what it holds.
    func observe(_ desk: MemoryDesk, _ registry: MetricsRegistry) {
        desk.observe { [facts] memory, outcome, count in facts.with(memory, outcome.rawValue).increment(by: count) }
        registry.addCollector { [self, weak desk] in
            guard let desk else { return }
            waiting.set(Double(desk.waitingFacts))
            let sizes = desk.storedFacts()
            for (memory, count) in sizes { stored.with(memory).set(Double(count)) }
            let names = Set(sizes.map(\.memory))
            let gone = counted.withLock { counted in
                defer { counted = names }
                return counted.subtracting(names)
            }
            for memory in gone { stored.remove(memory) }
        }
    }
}
