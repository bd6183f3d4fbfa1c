import Foundation
import Models

/// Notices Ctrl-C and SIGTERM, so that a run ends with a checkpoint, or a fetch with what it has. A second signal ends the process at once.
final class InterruptWatch {
    private static let signals = [SIGINT, SIGTERM]
    private let sources: [any DispatchSourceSignal]

    /// - Parameter interruption: set by the first signal.
    /// - Parameter message: what happens then.
    init(
        _ interruption: Interruption, saying message: String = "the run stops and writes a checkpoint; a second Ctrl-C ends it at once"
    ) {
        sources = Self.signals.map { number in
            // What dispatch watches is not delivered to the process.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                interruption.set()
                for number in Self.signals { signal(number, SIG_DFL) }
                Terminal.say("\nlmoe: \(message)")
            }
            source.activate()
            return source
        }
    }

    /// Signals end the process again.
    func stop() {
        for source in sources { source.cancel() }
        for number in Self.signals { signal(number, SIG_DFL) }
    }
}
