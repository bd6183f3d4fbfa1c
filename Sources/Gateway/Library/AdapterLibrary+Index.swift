import Routing
internal import Synchronization

extension AdapterLibrary {
    /// Which index is wanted, and whether some thread is building one. A value behind a lock that is held for a moment only.
    struct Indexing {
        private var definitions: [RouteDefinition] = []
        private var negatives: [String] = []
        /// What the router's index was built with.
        private var indexed: (definitions: [RouteDefinition], negatives: [String])?
        private var isRunning = false
        private var isStale = false
        fileprivate var toldCacheProblem: String?

        /// What a build is to do.
        struct Work {
            var definitions: [RouteDefinition]
            var negatives: [String]
            /// By adapter, the texts of the last index.
            var known: [String: [String]]
        }

        mutating func want(_ definitions: [RouteDefinition], _ negatives: [String]) {
            self.definitions = definitions
            self.negatives = negatives
        }

        /// False when another thread is building: it will build once more.
        mutating func begin() -> Bool {
            isStale = isRunning
            if isRunning { return false }
            isRunning = true
            return true
        }

        /// nil when the index is as it is wanted.
        mutating func next() -> Work? {
            isStale = false
            guard indexed?.definitions != definitions || indexed?.negatives != negatives else { return nil }
            let known = Dictionary((indexed?.definitions ?? []).map { ($0.adapter, $0.indexedTexts) }, uniquingKeysWith: { first, _ in first })
            return Work(definitions: definitions, negatives: negatives, known: known)
        }

        mutating func note(built work: Work) { indexed = (work.definitions, work.negatives) }

        /// False when there is more to do.
        mutating func end() -> Bool {
            isRunning = isStale
            return !isStale
        }
    }

    /// Adapters that came together and are compared with all others; for more there is `lmoe route doctor`.
    private static let mostCompared = 32

    /// Builds the router's index where what is wanted changed. One thread at a time, and no other waits for it.
    func updateIndex(_ refresh: inout Refresh, _ progress: (Int, Int) -> Void) {
        guard let router, indexing.withLock({ $0.begin() }) else { return }
        repeat {
            if let work = indexing.withLock({ $0.next() }) { build(work, router, &refresh, progress) }
        } while !indexing.withLock { $0.end() }
        tellCache(router, &refresh)
    }

    private func build(_ work: Indexing.Work, _ router: Router, _ refresh: inout Refresh, _ progress: (Int, Int) -> Void) {
        do throws(RoutingError) {
            let claims = try router.update(work.definitions, negatives: work.negatives, progress: progress)
            let changed = work.definitions.filter { work.known[$0.adapter] != $0.indexedTexts }.map(\.adapter)
            let unchanged = Set(work.definitions.map(\.adapter)).subtracting(changed)
            current.withLock { shelf in
                shelf.claims = shelf.claims.filter { unchanged.contains($0.key) }
                for claim in claims { shelf.claims[claim.adapter] = claim }
            }
            refresh.claims += claims
            if changed.count <= Self.mostCompared {
                refresh.overlaps += router.overlaps(of: Set(changed)).map { ($0.first, $0.second, $0.similarity) }
            }
            indexing.withLock { $0.note(built: work) }
            refresh.isRouterUpdated = true
        } catch {
            refresh.routerFailure = error.description
        }
    }

    /// What the cache cannot do, once.
    private func tellCache(_ router: Router, _ refresh: inout Refresh) {
        let problem = router.cacheProblem
        refresh.cacheProblem = indexing.withLock { indexing in
            defer { indexing.toldCacheProblem = problem }
            return indexing.toldCacheProblem == problem ? nil : problem
        }
        current.withLock { $0.condition.cache = problem }
    }
}
