import Generation
import Telemetry

extension ServiceMetrics {
    /// What the backend counts, read for each `/metrics`.
    func observe(_ backend: any GenerationBackend) {
        let gauges = Dictionary(
            backend.status.figures.map { ($0.name, registry.gauge("lmoe_engine_\($0.name)", help: $0.help)) },
            uniquingKeysWith: { first, _ in first })
        registry.addCollector {
            for figure in backend.status.figures { gauges[figure.name]?.set(figure.value) }
        }
    }
}
