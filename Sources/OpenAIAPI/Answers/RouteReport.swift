import Generation
import HTTP
import JSON

/// Who answered and why, in the headers and in the `lmoe` member of an answer.
extension Answer {
    /// `x-lmoe-adapter`, `x-lmoe-route`, `x-lmoe-probability`; several prompts give comma-separated lists.
    var routeHeaders: HTTPHeaders {
        var headers = HTTPHeaders()
        let decisions = decisions.compactMap { $0 }
        headers["x-lmoe-adapter"] = decisions.map { Self.headerText($0.adapter ?? ModelSelection.baseName) }
            .joined(separator: ", ")
        headers["x-lmoe-route"] = decisions.map(\.route.rawValue).joined(separator: ", ")
        if decisions.contains(where: { $0.probability != nil }) {
            headers["x-lmoe-probability"] = decisions.map { $0.probability.map { rounded($0, 1e4).serialized() } ?? "-" }
                .joined(separator: ", ")
        }
        return headers
    }

    /// The `lmoe` member. While a stream begins, the timings that are known; the rest comes with its last chunk.
    func report(of choice: Int) -> JSONValue {
        guard let decision = choices[choice].decision else { return [:] }
        var report: JSONObject = ["adapter": decision.adapter.map(JSONValue.string) ?? .null]
        report["version"] = choices[choice].start?.adapterVersion.map(JSONValue.string) ?? .null
        report["route"] = .string(decision.route.rawValue)
        report["probability"] = decision.probability.map { rounded($0, 1e4) } ?? .null
        if case .object(var memory)? = choices[choice].start?.recall?.json {
            choices[choice].without?.add(to: &memory)
            report["memory"] = .object(memory)
        }
        if let prompt = choices[choice].start?.toolPrompt { report["tool_prompt"] = .string(prompt.rawValue) }
        if let notes = choices[choice].start?.formatNotes, !notes.isEmpty { report["format_notes"] = .array(notes.map(JSONValue.string)) }
        report["timings_ms"] = timings(of: choice)
        if choices[choice].isTimedOut { report["timed_out"] = true }
        if choices[choice].usage?.isClosed == true { report["closed"] = true }
        if job.route.isExplained { report["explanation"] = decision.json }
        return .object(report)
    }

    /// Of the first prompt; when there are several, `prompts` has one for each.
    var report: JSONValue {
        guard job.prompts.count > 1, case .object(var report) = report(of: 0) else { return report(of: 0) }
        report["prompts"] = .array(job.prompts.indices.map { self.report(of: $0 * job.choices) })
        return .object(report)
    }

    /// The `lmoe` member of a stream's last chunk.
    func closingReport(of choice: Int) -> JSONValue {
        var report: JSONObject = ["timings_ms": timings(of: choice)]
        if choices[choice].isTimedOut { report["timed_out"] = true }
        if choices[choice].usage?.isClosed == true { report["closed"] = true }
        if let without = choices[choice].without {
            var memory = JSONObject()
            without.add(to: &memory)
            report["memory"] = .object(memory)
        }
        return .object(report)
    }

    func timings(of choice: Int) -> JSONValue {
        let route = choices[choice].decision?.milliseconds ?? 0
        guard let timings = choices[choice].timings else { return ["route": rounded(route, 1e3)] }
        return [
            "queue": rounded(timings.queueMilliseconds, 1e3), "route": rounded(route, 1e3),
            "load": rounded(timings.loadMilliseconds, 1e3), "prefill": rounded(timings.prefillMilliseconds, 1e3),
            "decode": rounded(timings.decodeMilliseconds, 1e3),
        ]
    }

    /// A header value is visible ASCII: everything else is percent-encoded, and so is `%`.
    static func headerText(_ name: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var text: [UInt8] = []
        for byte in name.utf8 {
            if byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "%"), byte != UInt8(ascii: ",") {
                text.append(byte)
            } else {
                text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

func rounded(_ value: Double, _ scale: Double) -> JSONValue {
    .number((value * scale).rounded() / scale)
}
