internal import Dispatch
internal import Foundation
internal import Synchronization
internal import Tensors

/// A thread that does one piece of work after the other, where no other thread wants its core. It ends with this object, behind the work
/// that it was given.
///
/// Not a queue of Dispatch: its threads serve others afterwards, and a process may lower a priority but not raise it again.
public final class TuningThread: Sendable {
    private final class Work: Sendable {
        private let waiting = Mutex<[@Sendable () -> Void]>([])
        private let arrivals = DispatchSemaphore(value: 0)
        private let isOver = Atomic(false)

        func put(_ work: @escaping @Sendable () -> Void) {
            waiting.withLock { $0.append(work) }
            arrivals.signal()
        }

        func end() {
            isOver.store(true, ordering: .releasing)
            arrivals.signal()
        }

        func run() {
            CoreShare.lowerThreadPriority()
            while true {
                arrivals.wait()
                guard let work = waiting.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
                    if isOver.load(ordering: .acquiring) { return }
                    continue
                }
                work()
            }
        }
    }

    private let work = Work()

    public init() {
        let thread = Thread { [work] in work.run() }
        thread.name = "tuning"
        thread.start()
    }

    deinit { work.end() }

    /// Returns without waiting. Any thread.
    public func async(_ body: @escaping @Sendable () -> Void) { work.put(body) }
}
