internal import CUV

/// libuv's file system events of one folder, not of what is below its subfolders. Loop only.
final class FolderEvents: LoopHandle {
    private var handler: (@LoopActor () -> Void)?

    init(path: String, handler: @escaping @LoopActor () -> Void) throws(UVError) {
        self.handler = handler
        try super.init(uv_fs_event_t.self, "folder watch") { uv_fs_event_init($0, $1) }
        let status = uv_fs_event_start(pointer(as: uv_fs_event_t.self), { handle, _, _, _ in
            guard let owner = LoopHandle.owner(handle?.pointee.data, as: FolderEvents.self) else { return }
            LoopActor.assumeIsolated { owner.handler?() }
        }, path, 0)
        guard status == 0 else {
            close()
            throw UVError(status, "watch \(path)")
        }
    }

    override func didClose() { handler = nil }
}
