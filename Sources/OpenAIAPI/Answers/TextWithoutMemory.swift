import JSON

/// What would have come without the fact that answers: the same prompt, adapter and sampling settings, and no memory.
struct TextWithoutMemory: Sendable {
    var text = ""
    /// Why there is none.
    var failure: APIError?
    var isWhole = false

    /// Adds it to the `memory` member of a report, once it is whole.
    func add(to report: inout JSONObject) {
        guard isWhole else { return }
        report["without"] = failure == nil ? .string(text) : .null
        if let failure { report["without_error"] = .string(failure.message) }
    }
}
