internal import Synchronization
import Logging
import Telemetry

/// Logs how many routing examples are embedded: a line every two seconds, none when it takes less.
final class IndexingProgress: Sendable {
    private let logger: Logger
    private let last = Mutex(ContinuousClock.now)

    init(_ logger: Logger) { self.logger = logger }

    func note(_ done: Int, of total: Int) {
        let isDue = last.withLock { last in
            let now = ContinuousClock.now
            guard now - last >= .seconds(2) else { return false }
            last = now
            return true
        }
        if isDue { logger.info("embedding routing examples", metadata: ["done": .integer(done), "of": .integer(total)]) }
    }
}
