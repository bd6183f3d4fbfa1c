import OpenAIAPI
import Telemetry

/// One line a request: who asked what, who answered, how long it took. Never the prompt or the answer.
struct RequestLog: Sendable {
    let logger: Logger

    func note(_ record: RequestRecord) {
        // Probes of a supervisor would fill the log.
        let isProbe = ["/health", "/ready", "/metrics"].contains(record.endpoint)
        guard logger.isEnabled(record.failure != nil ? .error : isProbe ? .debug : .info) else { return }
        var line = logger.with(
            ("id", .string(record.id)), ("status", .integer(record.status)),
            ("ms", .number(Self.rounded(record.milliseconds))))
        if !record.remoteAddress.isEmpty { line = line.with(("client", .string(record.remoteAddress))) }
        if let key = record.key { line = line.with(("key", .string(key))) }
        if let code = record.errorCode { line = line.with(("error", .string(code.rawValue))) }
        if let failure = record.failure { line = line.with(("why", .string(failure))) }
        if record.clientLeft { line = line.with(("left", true)) }
        if let first = record.decisions.first ?? nil {
            line = line.with(
                ("adapter", .string(record.adapterLabel)),
                ("route", .string(first.route.rawValue)),
                ("route_ms", .number(Self.rounded(first.milliseconds))))
            if let probability = first.probability { line = line.with(("probability", .number(Self.rounded(probability)))) }
        }
        if let usage = record.usage {
            line = line.with(
                ("prompt_tokens", .integer(usage.promptTokens)), ("cached_tokens", .integer(usage.cachedTokens)),
                ("completion_tokens", .integer(usage.completionTokens)))
        }
        if let first = record.firstTextMilliseconds { line = line.with(("first_text_ms", .number(Self.rounded(first)))) }
        if let timings = record.timings {
            line = line.with(
                ("queue_ms", .number(Self.rounded(timings.queueMilliseconds))),
                ("load_ms", .number(Self.rounded(timings.loadMilliseconds))),
                ("prefill_ms", .number(Self.rounded(timings.prefillMilliseconds))),
                ("decode_ms", .number(Self.rounded(timings.decodeMilliseconds))))
        }
        let message = "\(record.method) \(record.endpoint)"
        if record.failure != nil {
            line.error(message)
        } else if isProbe {
            line.debug(message)
        } else {
            line.info(message)
        }
    }

    private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}
