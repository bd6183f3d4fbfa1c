internal import CUV

/// A timer on the loop that fires once or repeatedly and can be restarted. Loop only.
public final class LoopTimer: LoopHandle {
    private var handler: (@LoopActor () -> Void)?

    public init(_ handler: @escaping @LoopActor () -> Void) {
        self.handler = handler
        super.init(uv_timer_t.self) { uv_timer_init($0, $1) }
    }

    /// Starts or restarts: fires after `milliseconds`, then every `repeatMilliseconds` unless that is 0.
    public func start(afterMilliseconds milliseconds: Int, repeatMilliseconds: Int = 0) {
        guard !isClosing else { return }
        let timer = pointer(as: uv_timer_t.self)
        // libuv counts from the start of this iteration; a long iteration must not shorten the wait.
        uv_update_time(LoopExecutor.shared.loop)
        uv_timer_start(timer, { handle in
            guard let owner = LoopHandle.owner(handle?.pointee.data, as: LoopTimer.self) else { return }
            LoopActor.assumeIsolated { owner.handler?() }
        }, UInt64(max(0, milliseconds)), UInt64(max(0, repeatMilliseconds)))
    }

    public func stop() {
        guard !isClosing else { return }
        uv_timer_stop(pointer(as: uv_timer_t.self))
    }

    public var isActive: Bool { !isClosing && uv_is_active(base) != 0 }

    override func didClose() { handler = nil }
}
