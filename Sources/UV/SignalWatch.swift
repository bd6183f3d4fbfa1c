internal import CUV
internal import Glibc

/// Calls a handler on the loop for each arrival of a signal, instead of the signal's default effect. Loop only.
public final class SignalWatch: LoopHandle {
    public enum Signal: Sendable {
        /// SIGTERM: a service manager stops the process.
        case terminate
        /// SIGINT, control-C.
        case interrupt
        /// SIGHUP.
        case hangUp

        var number: CInt {
            switch self {
            case .terminate: SIGTERM
            case .interrupt: SIGINT
            case .hangUp: SIGHUP
            }
        }
    }

    private var handler: (@LoopActor () -> Void)?

    public init(_ signal: Signal, handler: @escaping @LoopActor () -> Void) throws(UVError) {
        self.handler = handler
        try super.init(uv_signal_t.self, "signal watch") { uv_signal_init($0, $1) }
        let status = uv_signal_start(pointer(as: uv_signal_t.self), { handle, _ in
            guard let owner = LoopHandle.owner(handle?.pointee.data, as: SignalWatch.self) else { return }
            LoopActor.assumeIsolated { owner.handler?() }
        }, signal.number)
        guard status == 0 else {
            close()
            throw UVError(status, "watch for signal \(signal.number)")
        }
    }

    override func didClose() { handler = nil }
}
