import Testing

@testable import Telemetry

@Suite struct MetricsTests {
    @Test func expositionIsWhatPrometheusReads() {
        let registry = MetricsRegistry()
        let requests = registry.counters("lmoe_requests_total", help: "Requests\nserved \\ all.", labels: ["adapter", "status"])
        requests.with("sql", "200").increment(by: 2)
        requests.with("a\"b\\c\nd", "500").increment()
        registry.gauge("lmoe_running", help: "Running.").set(1.5)
        let seconds = registry.histogram("lmoe_seconds", help: "Seconds.", bounds: [0.5, 1])
        for value in [0.5, 0.75, 4, .nan] { seconds.observe(value) }
        #expect(registry.exposition() == """
            # HELP lmoe_requests_total Requests\\nserved \\\\ all.
            # TYPE lmoe_requests_total counter
            lmoe_requests_total{adapter="a\\"b\\\\c\\nd",status="500"} 1
            lmoe_requests_total{adapter="sql",status="200"} 2
            # HELP lmoe_running Running.
            # TYPE lmoe_running gauge
            lmoe_running 1.5
            # HELP lmoe_seconds Seconds.
            # TYPE lmoe_seconds histogram
            lmoe_seconds_bucket{le="0.5"} 1
            lmoe_seconds_bucket{le="1"} 2
            lmoe_seconds_bucket{le="+Inf"} 3
            lmoe_seconds_sum 5.25
            lmoe_seconds_count 3

            """)
    }

    @Test func labelsBeyondTheBoundShareOneSeries() {
        let registry = MetricsRegistry()
        let family = registry.counters("c", help: "", labels: ["name"], maximumSeries: 2)
        for index in 0..<100 { family.with("n\(index)").increment() }
        #expect(family.with("n0").value == 1)
        #expect(family.with("n50").value == 98)
        #expect(registry.exposition().contains("c{name=\"other\"} 98\n"))
        family.remove("n0")
        #expect(!registry.exposition().contains("n0"))
    }

    @Test func nothingIsLostBetweenThreads() async {
        let counter = Counter(), gauge = Gauge(), histogram = Histogram(bounds: [1])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.increment()
                        gauge.add(0.5)
                        histogram.observe(2)
                    }
                }
            }
        }
        #expect(counter.value == 8000)
        #expect(gauge.value == 4000)
        #expect(histogram.snapshot == Histogram.Snapshot(cumulativeCounts: [0, 8000], sum: 16_000))
    }

    @Test func collectorsRunBeforeEachExposition() {
        let registry = MetricsRegistry()
        let gauge = registry.gauge("g", help: "")
        registry.addCollector { gauge.add(1) }
        #expect(registry.exposition().hasSuffix("g 1\n"))
        #expect(registry.exposition().hasSuffix("g 2\n"))
    }
}
