/// Fetches one content into the cache: resumed, verified, and put in place in one step.
final class BlobFetch {
    private let client: HubClient
    private let cache: HubCache
    private let reference: HubReference
    private let commit: String
    private let file: HubFile
    /// Told how many bytes are there.
    private let advanced: (Int) -> Void

    init(
        _ file: HubFile, of reference: HubReference, at commit: String, client: HubClient, cache: HubCache, advanced: @escaping (Int) -> Void
    ) {
        self.file = file
        self.reference = reference
        self.commit = commit
        self.client = client
        self.cache = cache
        self.advanced = advanced
    }

    private var pace: HubPace { client.pace }
    private var place: String { "\(reference.repository.id)/\(file.name)" }

    /// Whether the file had to be fetched: another process may have done it. Errors: those of refusals, `corrupt`, `malformed`,
    /// `interrupted`, `io`, `noSpace`.
    func run() throws(HubError) -> Bool {
        let lock = try wait()
        defer { withExtendedLifetime(lock) {} }
        let blob = cache.blob(file.hash)
        if try cache.size(of: file.hash) == file.size {
            advanced(file.size)
            return false
        }
        let partial = try PartialBlob(file, blob: blob, isInterrupted: pace.isInterrupted)
        pace.report(.started(file, done: partial.count))
        for attempt in 0..<2 {
            try complete(partial)
            advanced(partial.count)
            if try partial.finish(as: blob) { return true }
            guard attempt == 0 else { break }
            restarted("its hash is not \(file.hash)")
        }
        throw HubError(
            .corrupt, "what \(client.host) sends has another hash than \(file.hash), twice; it was deleted. Try again later, or without a proxy or mirror",
            place: place)
    }

    private func wait() throws(HubError) -> BlobLock {
        var isTold = false
        while true {
            if let lock = try cache.lock(file.hash) { return lock }
            if !isTold { pace.report(.waiting(file: file.name)) }
            isTold = true
            guard !pace.isInterrupted() else { throw HubError(.interrupted, "interrupted", place: place) }
            pace.sleep(200)
        }
    }

    /// Asks for the rest until it is there. Every attempt goes through the hub, since the addresses that it leads to expire.
    private func complete(_ partial: PartialBlob) throws(HubError) {
        let url = try client.address(of: file.name, in: reference.repository, at: commit)
        var plan = RetryPlan(client.limits)
        var most = partial.count
        var attempts = 0
        while !partial.isWhole {
            attempts += 1
            do throws(TransferFailure) {
                try attempt(url, partial)
            } catch {
                if partial.count > most { plan.noteProgress() }
                most = max(most, partial.count)
                guard attempts < client.limits.transfers else { throw error.error }
                try pace.wait(try plan.wait(after: error), what: place, reason: error.error)
            }
        }
    }

    private func attempt(_ url: HubURL, _ partial: PartialBlob) throws(TransferFailure) {
        let start = partial.count
        let range = start > 0 ? ["Range: bytes=\(start)-"] : []
        var isFirst = true
        let outcome = try client.attempt(.get, url, headers: range) { [self] (head, bytes) throws(TransferFailure) in
            if isFirst { try begin(head, partial, start: start) }
            isFirst = false
            try TransferFailure.lasting { () throws(HubError) in try partial.append(bytes) }
            advanced(partial.count)
        }
        switch outcome.last.status {
        case 200, 206:
            guard !partial.isWhole else { return }
            throw TransferFailure(
                kind: .passing(), error: HubError(.unreachable, "it broke off after \(partial.count) of \(file.size) bytes", place: place))
        case 416 where start > 0:
            // The server has fewer bytes than are here: what is here is of something else.
            try TransferFailure.lasting { () throws(HubError) in try partial.restart() }
            restarted("the server does not go on after \(start) bytes")
            throw TransferFailure(kind: .passing(), error: HubError(.server, "\(client.host) refuses to go on after \(start) bytes", place: place))
        default:
            let subject = HubSubject(repository: reference.repository, revision: reference.revision, file: file.name)
            throw HubRefusal(outcome, client).failure(about: subject)
        }
    }

    /// Looks at the header before the first byte is taken.
    private func begin(_ head: HubResponseHead, _ partial: PartialBlob, start: Int) throws(TransferFailure) {
        if let encoding = head["content-encoding"], encoding.lowercased() != "identity" {
            throw .lasting(
                HubError(.malformed, "the server compresses the file (\(HubError.shown(encoding))) although it was asked not to; use another mirror or proxy", place: place))
        }
        guard head.status == 206 || start > 0 else { return }
        if head.status == 206, head.range?.start == start, head.range?.whole.map({ $0 == file.size }) ?? true { return }
        // The whole file comes, or another part of it.
        try TransferFailure.lasting { () throws(HubError) in try partial.restart() }
        guard head.status == 206 else { return restarted("the server sends the whole file again") }
        restarted("the server sends another part than the one after \(start) bytes")
        throw TransferFailure(kind: .passing(), error: HubError(.server, "\(client.host) sends another part of the file", place: place))
    }

    private func restarted(_ reason: String) { pace.report(.restarted(file: file.name, reason: reason)) }
}
