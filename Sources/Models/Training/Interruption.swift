internal import Synchronization

/// Tells a computation that goes on on another thread to stop soon. Any thread.
public final class Interruption: Sendable {
    private let flag = Atomic(false)

    public init() {}

    public func set() { flag.store(true, ordering: .relaxed) }
    public func clear() { flag.store(false, ordering: .relaxed) }
    public var isSet: Bool { flag.load(ordering: .relaxed) }
}
