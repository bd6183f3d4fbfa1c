import Foundation
import Synchronization

/// Notices Ctrl-C and SIGTERM, so that a run ends with a checkpoint. A second signal ends the process at once.
final class InterruptWatch {
    private final class Flag: Sendable {
        let came = Atomic<Bool>(false)
    }

    private static let signals = [SIGINT, SIGTERM]
    private let flag = Flag()
    private let sources: [any DispatchSourceSignal]

    init() {
        let flag = flag
        sources = Self.signals.map { number in
            // What dispatch watches is not delivered to the process.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                flag.came.store(true, ordering: .relaxed)
                for number in Self.signals { signal(number, SIG_DFL) }
                Terminal.say("\nlmoe: the run stops and writes a checkpoint; a second Ctrl-C ends it at once")
            }
            source.activate()
            return source
        }
    }

    var isInterrupted: Bool { flag.came.load(ordering: .relaxed) }

    /// Signals end the process again.
    func stop() {
        for source in sources { source.cancel() }
        for number in Self.signals { signal(number, SIG_DFL) }
    }
}
