internal import JSON

/// What a request is about, for the message of a refusal.
struct HubSubject {
    var repository: HubRepository
    var revision: String?
    var file: String?
}

/// An answer other than the one that was asked for, as an error with the next step.
struct HubRefusal {
    private let head: HubResponseHead
    private let first: HubResponseHead
    private let text: [UInt8]
    private let elsewhere: String?
    private let client: HubClient

    init(_ outcome: HubClient.Outcome, _ client: HubClient) {
        head = outcome.last
        first = outcome.first
        text = outcome.text
        elsewhere = outcome.elsewhere
        self.client = client
    }

    func failure(about subject: HubSubject) -> TransferFailure {
        var error = error(about: subject)
        error.place = subject.file.map { "\(subject.repository.id)/\($0)" } ?? subject.repository.id
        // Addresses of other hosts are signed for a short time: the hub gives another one.
        let isPassing = elsewhere != nil || head.status == 408 || head.status == 429 || (500...599).contains(head.status)
        return TransferFailure(kind: isPassing ? .passing(retryAfterMilliseconds: retryAfter) : .lasting, error: error)
    }

    private func error(about subject: HubSubject) -> HubError {
        if let elsewhere { return HubError(.server, "\(elsewhere), to which \(client.host) leads, answers with status \(head.status)") }
        let page = "\(client.settings.endpoint)/\(subject.repository.id)"
        let hasToken = client.settings.token != nil
        let said = said.map { " (\(client.host) says: \($0))" } ?? ""
        switch head["x-error-code"] ?? first["x-error-code"] {
        case "GatedRepo":
            let step = hasToken ? "with the account of the token" : "with your account, then set HF_TOKEN to a token of it (\(client.settings.endpoint)/settings/tokens)"
            return HubError(.gated, "its terms have to be accepted first: open \(page) and accept them \(step)\(said)")
        case "RevisionNotFound":
            return HubError(.revisionNotFound, "there is no branch, tag or commit `\(subject.revision ?? "")`; \(page)/tree/main has the list")
        case "EntryNotFound":
            return HubError(.fileNotFound, "there is no such file at `\(subject.revision ?? "")`; see \(page)/tree/\(subject.revision ?? "main")")
        case "RepoNotFound": return notFound(page, hasToken)
        default: break
        }
        switch head.status {
        case 401 where hasToken: return HubError(.refused, "the token is not accepted\(said): check HF_TOKEN, or the file that `hf auth login` wrote")
        case 401: return notFound(page, hasToken)
        case 403: return HubError(.refused, "access is refused\(said): \(hasToken ? "the token may not read this repository" : "set HF_TOKEN to a token that may read it"). See \(page)")
        case 404:
            return HubError(
                subject.file == nil ? .repositoryNotFound : .fileNotFound,
                "\(client.host) does not know it\(said). Check the name, and that HF_ENDPOINT (\(client.settings.endpoint)) names a hub")
        case 429: return HubError(.rateLimited, "\(client.host) has had too many requests\(hasToken ? "" : "; with a token (HF_TOKEN) it allows more")")
        case 500...599: return HubError(.server, "\(client.host) fails with status \(head.status)\(said)")
        default: return HubError(.malformed, "\(client.host) answers with status \(head.status)\(said), which is not expected here")
        }
    }

    private func notFound(_ page: String, _ hasToken: Bool) -> HubError {
        let step = hasToken ? "or the token may not see it" : "or it is private: then set HF_TOKEN to a token that may read it"
        return HubError(.repositoryNotFound, "there is no such repository on \(client.host), \(step). Check the spelling: \(page)")
    }

    /// The server's own words.
    private var said: String? {
        if let message = head["x-error-message"] ?? first["x-error-message"] { return HubError.shown(message) }
        do throws(JSONError) {
            return try JSONValue.parse(text, maxDepth: 8)["error"]?.stringValue.map(HubError.shown)
        } catch {
            // A page for people, which says nothing that the status does not say.
            return nil
        }
    }

    /// `Retry-After` in seconds, or the time at which the hub's window ends.
    private var retryAfter: Int? {
        if let seconds = head["retry-after"].flatMap({ Int($0) }), seconds >= 0 { return min(seconds, 1 << 30) * 1_000 }
        guard head.status == 429, let limit = head["ratelimit"] else { return nil }
        let parts = limit.split(separator: ";").map { $0.trimmed() }
        guard let end = parts.first(where: { $0.hasPrefix("t=") }), let seconds = Int(end.dropFirst(2)), seconds >= 0 else { return nil }
        return min(seconds, 1 << 30) * 1_000
    }
}
