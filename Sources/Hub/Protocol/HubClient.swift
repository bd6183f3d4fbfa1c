internal import CCurl
internal import JSON

/// Speaks the hub's protocol: what a repository is, which files it has, and their bytes.
///
/// Isolation: one thread at a time; requests block it.
final class HubClient {
    let settings: HubSettings
    let limits: HubLimits
    let pace: HubPace
    private let endpoint: HubURL
    private let connection: HubConnection

    /// Errors: `invalid` for an endpoint that is no address, `io`.
    init(settings: HubSettings, limits: HubLimits, pace: HubPace) throws(HubError) {
        guard let endpoint = HubURL(settings.endpoint) else {
            throw HubError(.invalid, "expected an address, found `\(HubError.shown(settings.endpoint))`", place: "HF_ENDPOINT")
        }
        self.settings = settings
        self.limits = limits
        self.pace = pace
        self.endpoint = endpoint
        connection = try HubConnection(limits: limits, certificates: settings.certificates, isInterrupted: pace.isInterrupted)
    }

    /// For messages: without the scheme.
    var host: String { endpoint.port == (endpoint.scheme == "https" ? 443 : 80) ? endpoint.host : "\(endpoint.host):\(endpoint.port)" }

    // MARK: Addresses

    /// An address below the endpoint; `path` is escaped already.
    func url(_ path: String) throws(HubError) -> HubURL {
        guard let url = HubURL("\(settings.endpoint)/\(path)") else {
            throw HubError(.malformed, "`\(HubError.shown(path))` makes no address")
        }
        return url
    }

    func address(of file: String, in repository: HubRepository, at commit: String) throws(HubError) -> HubURL {
        try url("\(repository.id)/resolve/\(HubURL.escaped(commit))/\(HubURL.escaped(path: file))")
    }

    // MARK: Requests

    /// What one request came to, redirects included.
    struct Outcome {
        /// Of the first answer that is not a redirect within the hub: it has the hub's own fields, also when it leads elsewhere.
        var first: HubResponseHead
        var last: HubResponseHead
        /// The beginning of the text of a refusal.
        var text: [UInt8]
        /// Who gave the last answer, where that is not the hub.
        var elsewhere: String?
    }

    /// One attempt. Redirects are followed; the token goes to the endpoint's own host only. `receive` gets the body of an answer 200 or
    /// 206. With `staysOnHub` a redirect to another host is the answer.
    func attempt(
        _ method: HubRequest.Method, _ url: HubURL, headers: [String] = [], staysOnHub: Bool = false, timeoutMilliseconds: Int? = nil,
        receive: @escaping HubExchange.Receiver
    ) throws(TransferFailure) -> Outcome {
        var url = url
        var first: HubResponseHead?
        for _ in 0...limits.redirects {
            let text = RefusalText()
            let isOnHub = url.isSameOrigin(as: endpoint)
            let token = isOnHub ? settings.token.map { ["Authorization: Bearer \($0)"] } ?? [] : []
            // Compressed, the bytes would not be those that are counted and hashed.
            let request = HubRequest(
                method: method, url: url, headers: ["Accept-Encoding: identity"] + token + headers, timeoutMilliseconds: timeoutMilliseconds)
            let head = try connection.perform(request) { (head, bytes) throws(TransferFailure) in
                if head.status == 200 || head.status == 206 { try receive(head, bytes) } else { text.add(bytes) }
            }
            guard head.isRedirect, let location = head["location"] else {
                return Outcome(first: first ?? head, last: head, text: text.bytes, elsewhere: isOnHub ? nil : url.host)
            }
            guard let next = url.following(location), next.scheme == url.scheme || next.scheme == "https" else {
                throw .lasting(
                    HubError(.malformed, "\(url.host) redirects to `\(HubError.shown(location))`, which is no address with the same protection"))
            }
            if isOnHub, !next.isSameOrigin(as: endpoint) {
                first = first ?? head
                if staysOnHub { return Outcome(first: head, last: head, text: []) }
            }
            url = next
        }
        throw .lasting(HubError(.malformed, "\(endpoint.host) redirects more than \(limits.redirects) times"))
    }

    /// The beginning of a refusal's text.
    private final class RefusalText {
        private(set) var bytes: [UInt8] = []

        func add(_ more: UnsafeRawBufferPointer) { bytes += more.prefix(max(0, 4_096 - bytes.count)) }
    }

    /// Tries until it succeeds, fails for good, or has failed too often.
    func retrying<Value>(_ what: String, _ body: () throws(TransferFailure) -> Value) throws(HubError) -> Value {
        var plan = RetryPlan(limits)
        while true {
            do throws(TransferFailure) {
                return try body()
            } catch {
                try pace.wait(try plan.wait(after: error), what: what, reason: error.error)
            }
        }
    }

    /// A document in JSON, and the address of the page after it.
    func document(_ url: HubURL, about subject: HubSubject) throws(HubError) -> (value: JSONValue, next: String?) {
        let outcome = try retrying(subject.repository.id) { () throws(TransferFailure) in
            let body = DocumentBody(limitBytes: limits.documentBytes, host: host)
            let outcome = try attempt(
                .get, url, headers: ["Accept: application/json"], timeoutMilliseconds: limits.documentMilliseconds, receive: body.add)
            guard outcome.last.status == 200 else { throw HubRefusal(outcome, self).failure(about: subject) }
            return (outcome, body.bytes)
        }
        do throws(JSONError) {
            return (try JSONValue.parse(outcome.1, maxDepth: 64, maxElements: limits.documentElements), outcome.0.last.nextPage)
        } catch {
            throw HubError(
                .malformed, "\(host) does not answer in JSON (\(error)). Check that HF_ENDPOINT names a hub", place: subject.repository.id)
        }
    }

    private final class DocumentBody {
        private(set) var bytes: [UInt8] = []
        private let limitBytes: Int
        private let host: String

        init(limitBytes: Int, host: String) {
            self.limitBytes = limitBytes
            self.host = host
        }

        func add(_ head: HubResponseHead, _ more: UnsafeRawBufferPointer) throws(TransferFailure) {
            guard bytes.count + more.count <= limitBytes else {
                throw .lasting(HubError(.limitExceeded, "an answer of \(host) has more than \(limitBytes) bytes"))
            }
            bytes += more
        }
    }
}

/// How time passes for a client: whether it should end, how it waits, and who is told.
struct HubPace {
    var isInterrupted: () -> Bool
    /// Milliseconds.
    var sleep: (Int) -> Void
    var report: (HubEvent) -> Void

    /// Errors: `interrupted`.
    func wait(_ milliseconds: Int, what: String, reason: HubError) throws(HubError) {
        report(.retry(what, reason: reason, milliseconds: milliseconds))
        var rest = milliseconds
        while rest > 0 {
            guard !isInterrupted() else { throw HubError(.interrupted, "interrupted", place: what) }
            sleep(min(rest, 200))
            rest -= 200
        }
    }
}
