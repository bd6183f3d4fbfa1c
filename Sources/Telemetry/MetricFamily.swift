import Synchronization

/// A metric with labels: one instrument for each combination of label values, at most `maximumSeries` of them.
///
/// Label values come from outside (adapters, models): past the bound all further combinations share one series, whose
/// values are all `other`, so that clients cannot fill the memory with names. Any thread; look an instrument up once a
/// request and keep it.
public final class MetricFamily<Instrument: Sendable>: Sendable {
    public let name: String
    public let help: String
    public let labelNames: [String]
    public let maximumSeries: Int
    private let make: @Sendable () -> Instrument
    private let series = Mutex<[[String]: Instrument]>([:])

    init(
        name: String, help: String, labelNames: [String], maximumSeries: Int, make: @escaping @Sendable () -> Instrument
    ) {
        precondition(MetricsRegistry.isName(name) && labelNames.allSatisfy(MetricsRegistry.isName), "\(name), or one of its labels, is not a name that Prometheus takes")
        self.name = name
        self.help = help
        self.labelNames = labelNames
        self.maximumSeries = maximumSeries
        self.make = make
    }

    /// The instrument for these values, in the order of `labelNames`.
    public func with(_ values: String...) -> Instrument {
        precondition(values.count == labelNames.count, "\(name) got \(values.count) label values and has \(labelNames.count) labels")
        return series.withLock { series in
            if let found = series[values] { return found }
            let key = series.count < maximumSeries ? values : values.map { _ in "other" }
            if let found = series[key] { return found }
            let made = make()
            series[key] = made
            return made
        }
    }

    /// Forgets a combination, as when an adapter is gone. Holders of its instrument may go on using it, unseen.
    public func remove(_ values: String...) { series.withLock { $0[values] = nil } }

    /// All combinations, ordered by their values.
    var all: [(values: [String], instrument: Instrument)] {
        series.withLock { series in
            series.map { (values: $0.key, instrument: $0.value) }.sorted { $0.values.lexicographicallyPrecedes($1.values) }
        }
    }
}
