/// One fetch of a repository's files.
struct HubPull {
    private let reference: HubReference
    private let wish: FileWish
    private let settings: HubSettings
    private let limits: HubLimits
    private let pace: HubPace
    private let cache: HubCache

    init(_ reference: HubReference, _ wish: FileWish, settings: HubSettings, limits: HubLimits, pace: HubPace) {
        self.reference = reference
        self.wish = wish
        self.settings = settings
        self.limits = limits
        self.pace = pace
        cache = HubCache(settings.cache, reference.repository, limits: limits)
    }

    func run() throws(HubError) -> HubSnapshot {
        do throws(HubError) {
            return try fetch()
        } catch where error.code == .interrupted {
            throw HubError(.interrupted, "interrupted; what was fetched is kept, and the same command goes on with it", place: reference.repository.id)
        }
    }

    private func fetch() throws(HubError) -> HubSnapshot {
        let client = try HubClient(settings: settings, limits: limits, pace: pace)
        let info = try client.info(reference.repository, revision: reference.revision)
        pace.report(.resolved(reference, commit: info.commit))
        var choice = try FileChoice(
            reference, wish, among: try client.files(reference.repository, commit: info.commit), limits: limits)
        try cache.create()
        var missing: [HubFile] = []
        for index in choice.files.indices where try !isThere(choice.files[index]) {
            choice.files[index] = try client.checked(choice.files[index], in: reference.repository, at: info.commit)
            // The list may not have had its hash.
            if try !isThere(choice.files[index]) { missing.append(choice.files[index]) }
        }
        try checkRoom(missing)
        pace.report(.planned(choice.files, bytesToFetch: missing.reduce(0) { $0 + $1.size }))
        let fetched = try fetch(missing, at: info.commit, client)
        let isMissing = Set(missing)
        for file in choice.files {
            try cache.link(file, at: info.commit)
            if !isMissing.contains(file) { pace.report(.finished(file, isFetched: false)) }
        }
        // The reference is written last, so that a revision that is found is complete.
        try cache.note(reference.revision, is: info.commit)
        let folder = cache.snapshot(info.commit)
        return HubSnapshot(
            reference: reference, commit: info.commit, folder: folder, path: choice.path(in: folder), isAdapter: choice.isAdapter,
            files: choice.files, fetchedBytes: fetched.reduce(0) { $0 + $1.size }, fetchedFiles: fetched.count,
            card: info.card.completed(by: try ModelCard(folder: folder, limits: limits)))
    }

    /// Whether the cache has the content, with the right hash.
    private func isThere(_ file: HubFile) throws(HubError) -> Bool {
        guard !file.hash.isEmpty, file.size >= 0, let size = try cache.size(of: file.hash) else { return false }
        if size == file.size, try PartialBlob.isRight(file, blob: cache.blob(file.hash), isInterrupted: pace.isInterrupted) { return true }
        pace.report(.restarted(file: file.name, reason: "what the cache has of it is damaged"))
        try cache.remove(file.hash)
        return false
    }

    private func checkRoom(_ missing: [HubFile]) throws(HubError) {
        var needed = 0
        for file in missing {
            let (sum, overflow) = needed.addingReportingOverflow(file.size - (try cache.partialSize(of: file.hash)))
            needed = overflow ? .max : sum
        }
        guard needed > 0, let free = cache.freeBytes(), free < needed || free - needed < limits.spareBytes else { return }
        throw HubError(
            .noSpace, "\(needed) bytes are to be fetched and \(free) are free on the disk, of which \(limits.spareBytes) stay free; make room, or set HF_HUB_CACHE to another disk",
            place: settings.cache)
    }

    /// Small files first: what is wrong with them shows before the large ones take their time. Returns those that this process fetched.
    private func fetch(_ missing: [HubFile], at commit: String, _ client: HubClient) throws(HubError) -> [HubFile] {
        let total = missing.reduce(0) { $0 + $1.size }
        var before = 0
        var fetched: [HubFile] = []
        for file in missing.sorted(by: { ($0.size, $0.name) < ($1.size, $1.name) }) {
            let earlier = before
            let blob = BlobFetch(file, of: reference, at: commit, client: client, cache: cache) { done in
                pace.report(.progress(done: earlier + done, total: total))
            }
            let isFetched = try blob.run()
            if isFetched { fetched.append(file) }
            before += file.size
            pace.report(.finished(file, isFetched: isFetched))
        }
        return fetched
    }
}

extension FileChoice {
    /// What the model is opened by, in a snapshot's folder.
    func path(in folder: String) -> String {
        switch main {
        case .folder: folder
        case .file(let name): "\(folder)/\(name)"
        }
    }
}
