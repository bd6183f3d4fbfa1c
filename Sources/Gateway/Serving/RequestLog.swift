import Logging
import OpenAIAPI
import Telemetry

/// Writes one line for each request: the caller, the endpoint, the adapter and the times. Never the prompt or the answer.
struct RequestLog: Sendable {
    let logger: Logger

    func note(_ record: RequestRecord) {
        // Probes of a supervisor would fill the log.
        let isProbe = ["/health", "/ready", "/metrics"].contains(record.endpoint)
        let level: Logger.Level = record.failure != nil ? .error : isProbe ? .debug : .info
        guard logger.logLevel <= level else { return }
        logger.log(level: level, "\(record.method) \(record.endpoint)", metadata: fields(record))
    }

    private func fields(_ record: RequestRecord) -> Logger.Metadata {
        var fields: Logger.Metadata = [
            "id": .string(record.id), "status": .integer(record.status), "ms": Self.rounded(record.milliseconds),
        ]
        if !record.remoteAddress.isEmpty { fields["client"] = .string(record.remoteAddress) }
        if let key = record.key { fields["key"] = .string(key) }
        if let code = record.errorCode { fields["error"] = .string(code.rawValue) }
        if let failure = record.failure { fields["why"] = .string(failure) }
        if record.clientLeft { fields["left"] = .flag(true) }
        if let first = record.decisions.first ?? nil {
            fields["adapter"] = .string(record.adapterLabel)
            fields["route"] = .string(first.route.rawValue)
            fields["route_ms"] = Self.rounded(first.milliseconds)
            if let probability = first.probability { fields["probability"] = Self.rounded(probability) }
        }
        if let recall = record.memories.first?.recall { fields["memory"] = .string(recall.label) }
        if let usage = record.usage {
            fields["prompt_tokens"] = .integer(usage.promptTokens)
            fields["cached_tokens"] = .integer(usage.cachedTokens)
            fields["completion_tokens"] = .integer(usage.completionTokens)
        }
        if let first = record.firstTextMilliseconds { fields["first_text_ms"] = Self.rounded(first) }
        if let timings = record.timings {
            fields["queue_ms"] = Self.rounded(timings.queueMilliseconds)
            fields["load_ms"] = Self.rounded(timings.loadMilliseconds)
            fields["prefill_ms"] = Self.rounded(timings.prefillMilliseconds)
            fields["decode_ms"] = Self.rounded(timings.decodeMilliseconds)
        }
        return fields
    }

    private static func rounded(_ value: Double) -> Logger.MetadataValue { .number((value * 1000).rounded() / 1000) }
}
