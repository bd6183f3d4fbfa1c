internal import Glibc

/// A hub and its cache: fetches what is asked for, and finds what is there.
///
/// Isolation: each call has its own connection and blocks its thread; calls on any threads, and other processes, may run at the same time.
public struct Hub {
    private let settings: HubSettings
    private let limits: HubLimits
    private let pace: HubPace

    /// - Parameter isInterrupted: asked often; what was fetched stays for the next time.
    /// - Parameter sleep: waits that many milliseconds.
    /// - Parameter report: told what happens, on the thread of the call.
    public init(
        _ settings: HubSettings, limits: HubLimits = HubLimits(), isInterrupted: @escaping () -> Bool = { false },
        sleep: @escaping (Int) -> Void = { Hub.sleep(milliseconds: $0) }, report: @escaping (HubEvent) -> Void = { _ in }
    ) {
        self.settings = settings
        self.limits = limits
        pace = HubPace(isInterrupted: isInterrupted, sleep: sleep, report: report)
    }

    /// Fetches what is missing of the newest commit of the revision. What is there is verified, too. Without the network
    /// (`HubSettings.isOffline`) as `cached`. Errors: every code of `HubError`.
    public func pull(_ reference: HubReference, _ wish: FileWish = FileWish()) throws(HubError) -> HubSnapshot {
        if settings.isOffline { return try cachedOrThrow(reference, wish) }
        return try HubPull(reference, wish, settings: settings, limits: limits, pace: pace).run()
    }

    /// What the cache has of the revision, without a question to the hub; nil when that is not all that the wish means.
    /// Errors: `ambiguous`, `io`.
    public func cached(_ reference: HubReference, _ wish: FileWish = FileWish()) throws(HubError) -> HubSnapshot? {
        let cache = HubCache(settings.cache, reference.repository, limits: limits)
        guard let commit = try cache.commit(of: reference.revision), let files = try cache.files(at: commit) else { return nil }
        let folder = cache.snapshot(commit)
        let choice: FileChoice
        do throws(HubError) {
            choice = try FileChoice(reference, wish, among: files, limits: limits)
        } catch {
            guard error.code == .ambiguous else { return nil }
            throw error
        }
        // Patterns may mean files that no model is whole without.
        if wish.include.isEmpty { guard try Completeness(folder: folder, choice).isComplete else { return nil } }
        return HubSnapshot(
            reference: reference, commit: commit, folder: folder, path: choice.path(in: folder), isAdapter: choice.isAdapter, files: choice.files,
            fetchedBytes: 0, fetchedFiles: 0, card: try ModelCard(folder: folder, limits: limits))
    }

    /// What the cache has, else as `pull`: no question is asked for what was fetched before.
    public func resolve(_ reference: HubReference, _ wish: FileWish = FileWish()) throws(HubError) -> HubSnapshot {
        if !settings.isOffline, let snapshot = try cached(reference, wish) { return snapshot }
        return try pull(reference, wish)
    }

    public static func sleep(milliseconds: Int) { usleep(UInt32(clamping: milliseconds * 1_000)) }

    private func cachedOrThrow(_ reference: HubReference, _ wish: FileWish) throws(HubError) -> HubSnapshot {
        guard let snapshot = try cached(reference, wish) else {
            throw HubError(
                .offline, "\(reference) is not, or not whole, in \(settings.cache), and HF_HUB_OFFLINE forbids to fetch it; run `lmoe pull \(reference)` with the network",
                place: reference.repository.id)
        }
        return snapshot
    }
}
