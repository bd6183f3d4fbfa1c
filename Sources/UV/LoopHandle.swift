internal import CUV

/// One libuv handle and its one Swift owner.
///
/// The handle's memory lives from `init` to libuv's close callback, which frees it once. Until then the handle keeps its owner
/// alive: an owner need not be stored, and it must be closed to be freed. Loop only.
@LoopActor
public class LoopHandle {
    let base: UnsafeMutablePointer<uv_handle_t>
    private let memory: UnsafeMutableRawPointer
    /// True from the first `close` on; callbacks are no longer called.
    public private(set) var isClosing = false

    /// Allocates a `Handle` and initialises it; its type must be one of libuv's, which all begin with `uv_handle_t`.
    init<Handle>(
        _ type: Handle.Type, _ what: String,
        initialise: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutablePointer<Handle>) -> CInt
    ) throws(UVError) {
        let handle = UnsafeMutablePointer<Handle>.allocate(capacity: 1)
        memory = UnsafeMutableRawPointer(handle)
        base = memory.assumingMemoryBound(to: uv_handle_t.self)
        let status = initialise(LoopExecutor.shared.loop, handle)
        guard status == 0 else {
            memory.deallocate()
            throw UVError(status, "make a \(what)")
        }
        base.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// The same for the types whose initialisation cannot fail.
    init<Handle>(
        _ type: Handle.Type, initialise: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutablePointer<Handle>) -> Void
    ) {
        let handle = UnsafeMutablePointer<Handle>.allocate(capacity: 1)
        memory = UnsafeMutableRawPointer(handle)
        base = memory.assumingMemoryBound(to: uv_handle_t.self)
        initialise(LoopExecutor.shared.loop, handle)
        base.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// The handle as the libuv type it was made as.
    final func pointer<Handle>(as type: Handle.Type) -> UnsafeMutablePointer<Handle> {
        memory.assumingMemoryBound(to: type)
    }

    /// Ends the handle. The close callback frees the memory, in a later iteration of the loop. Further calls do nothing.
    public final func close() {
        guard !isClosing else { return }
        isClosing = true
        willClose()
        uv_close(base) { handle in
            guard let handle, let data = handle.pointee.data else { return }
            let owner = Unmanaged<LoopHandle>.fromOpaque(data).takeRetainedValue()
            LoopActor.assumeIsolated { owner.finishClose() }
        }
    }

    private func finishClose() {
        didClose()
        memory.deallocate()
    }

    /// For subclasses: before the handle closes.
    func willClose() {}

    /// For subclasses: after the handle has closed; drop callbacks here, which may hold the owner in a cycle.
    func didClose() {}

    /// The owner of a handle that libuv handed to a callback, if it is still open.
    nonisolated static func owner<Owner: LoopHandle>(_ data: UnsafeMutableRawPointer?, as type: Owner.Type) -> Owner? {
        guard let data else { return nil }
        return Unmanaged<LoopHandle>.fromOpaque(data).takeUnretainedValue() as? Owner
    }
}
