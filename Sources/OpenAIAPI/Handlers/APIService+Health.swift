import JSON

extension APIService {
    /// The process runs and its loop responds.
    func health(_ exchange: Exchange) {
        exchange.respond(["status": "ok"])
    }

    /// Whether requests can be answered now.
    func readiness(_ exchange: Exchange) {
        let (status, text) =
            isDraining ? (503, "draining") : services == nil ? (503, "loading") : (200, "ready")
        exchange.respond(
            ["status": .string(text)], status: status, headers: status == 503 ? ["retry-after": "1"] : [:])
    }

    func writeMetrics(_ exchange: Exchange) {
        let metrics = metrics
        run(exchange) {
            exchange.respond(text: await metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
    }
}
