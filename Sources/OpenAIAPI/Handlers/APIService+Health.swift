import JSON

extension APIService {
    /// The process runs and its loop responds.
    func health(_ exchange: Exchange) {
        exchange.respond(["status": "ok"])
    }

    /// Whether requests can be answered now.
    func readiness(_ exchange: Exchange) {
        let readiness = readiness
        var body: JSONObject = ["status": .string(readiness.status)]
        if let reason = readiness.reason { body["reason"] = .string(reason) }
        if !readiness.warnings.isEmpty { body["warnings"] = .array(readiness.warnings.map(JSONValue.string)) }
        exchange.respond(.object(body), status: readiness.isReady ? 200 : 503, headers: readiness.isReady ? [:] : ["retry-after": "1"])
    }

    private struct Readiness {
        var status: String
        var reason: String?
        var warnings: [String] = []
        var isReady: Bool { status == "ready" }
    }

    private var readiness: Readiness {
        if isDraining { return Readiness(status: "draining") }
        guard let services else { return Readiness(status: "loading") }
        switch services.backend.status.health {
        case .draining: return Readiness(status: "draining")
        case .unavailable(let reason): return Readiness(status: "unavailable", reason: reason)
        case .ready: break
        }
        let condition = services.catalogue.condition
        if let failure = condition.failure { return Readiness(status: "unavailable", reason: failure, warnings: condition.warnings) }
        return Readiness(status: "ready", warnings: condition.warnings)
    }

    func writeMetrics(_ exchange: Exchange) {
        let metrics = metrics
        run(exchange) {
            exchange.respond(text: await metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
    }
}
