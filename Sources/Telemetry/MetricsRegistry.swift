import Synchronization

/// The metrics of a process, and their text for Prometheus (exposition format 0.0.4). Any thread.
public final class MetricsRegistry: Sendable {
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private enum Family: Sendable {
        case counter(MetricFamily<Counter>)
        case gauge(MetricFamily<Gauge>)
        case histogram(MetricFamily<Histogram>)
    }

    private let families = Mutex<[(name: String, family: Family)]>([])
    private let collectors = Mutex<[@Sendable () -> Void]>([])

    public init() {}

    /// Registers a metric. Registering a name twice is a programming error.
    public func counters(
        _ name: String, help: String, labels: [String], maximumSeries: Int = 256
    ) -> MetricFamily<Counter> {
        let family = MetricFamily(name: name, help: help, labelNames: labels, maximumSeries: maximumSeries) { Counter() }
        add(name, .counter(family))
        return family
    }

    public func gauges(_ name: String, help: String, labels: [String], maximumSeries: Int = 256) -> MetricFamily<Gauge> {
        let family = MetricFamily(name: name, help: help, labelNames: labels, maximumSeries: maximumSeries) { Gauge() }
        add(name, .gauge(family))
        return family
    }

    public func histograms(
        _ name: String, help: String, labels: [String], bounds: [Double] = Histogram.secondsBounds, maximumSeries: Int = 64
    ) -> MetricFamily<Histogram> {
        let family = MetricFamily(name: name, help: help, labelNames: labels, maximumSeries: maximumSeries) {
            Histogram(bounds: bounds)
        }
        add(name, .histogram(family))
        return family
    }

    public func counter(_ name: String, help: String) -> Counter { counters(name, help: help, labels: []).with() }
    public func gauge(_ name: String, help: String) -> Gauge { gauges(name, help: help, labels: []).with() }
    public func histogram(_ name: String, help: String, bounds: [Double] = Histogram.secondsBounds) -> Histogram {
        histograms(name, help: help, labels: [], bounds: bounds).with()
    }

    /// Called before each exposition, to set gauges from values that are kept elsewhere.
    public func addCollector(_ collector: @escaping @Sendable () -> Void) {
        collectors.withLock { $0.append(collector) }
    }

    private func add(_ name: String, _ family: Family) {
        families.withLock { families in
            precondition(!families.contains { $0.name == name }, "the metric \(name) was registered twice")
            families.append((name: name, family: family))
        }
    }

    static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || (0x30...0x39).contains($0) || $0 == 0x5F }
    }

    // MARK: Exposition

    /// The metrics in the order of registration.
    public func exposition() -> String {
        for collector in collectors.withLock({ $0 }) { collector() }
        var text = ""
        for (_, family) in families.withLock({ $0 }) {
            switch family {
            case .counter(let family):
                Self.describe(family, "counter", &text)
                for (values, counter) in family.all {
                    text += "\(family.name)\(Self.labels(family.labelNames, values)) \(counter.value)\n"
                }
            case .gauge(let family):
                Self.describe(family, "gauge", &text)
                for (values, gauge) in family.all {
                    text += "\(family.name)\(Self.labels(family.labelNames, values)) \(Self.number(gauge.value))\n"
                }
            case .histogram(let family):
                Self.describe(family, "histogram", &text)
                for (values, histogram) in family.all { Self.append(histogram, values, of: family, to: &text) }
            }
        }
        return text
    }

    private static func append(
        _ histogram: Histogram, _ values: [String], of family: MetricFamily<Histogram>, to text: inout String
    ) {
        let snapshot = histogram.snapshot
        for (index, count) in snapshot.cumulativeCounts.enumerated() {
            let bound = index < histogram.bounds.count ? number(histogram.bounds[index]) : "+Inf"
            text += "\(family.name)_bucket\(labels(family.labelNames + ["le"], values + [bound])) \(count)\n"
        }
        let labels = labels(family.labelNames, values)
        text += "\(family.name)_sum\(labels) \(number(snapshot.sum))\n\(family.name)_count\(labels) \(snapshot.count)\n"
    }

    private static func describe<Instrument>(_ family: MetricFamily<Instrument>, _ type: String, _ text: inout String) {
        let help = family.help.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
            .split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
        text += "# HELP \(family.name) \(help)\n# TYPE \(family.name) \(type)\n"
    }

    private static func labels(_ names: [String], _ values: [String]) -> String {
        guard !names.isEmpty else { return "" }
        return "{" + zip(names, values).map { "\($0)=\"\(escaped($1))\"" }.joined(separator: ",") + "}"
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return Int(exactly: value).map(String.init) ?? String(value)
    }
}
