internal import CUV

/// The bytes of the read that is being delivered: one buffer for the whole loop, since each read is consumed inside its
/// callback. Loop only.
@LoopActor
final class ReadBuffer {
    static let shared = ReadBuffer()
    private static let capacityBytes = 64 * 1024
    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: ReadBuffer.capacityBytes, alignment: 16)

    func lend(to buffer: UnsafeMutablePointer<uv_buf_t>?) {
        buffer?.pointee = uv_buf_t(UnsafeRawBufferPointer(memory))
    }

    func bytes(_ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[..<count]) }
}

/// A queued write: the request and the bytes it sends, in one allocation that its callback frees.
struct WriteRequest {
    let request: UnsafeMutablePointer<uv_write_t>
    let buffer: uv_buf_t

    static func make(copying bytes: UnsafeRawBufferPointer) -> WriteRequest {
        let header = MemoryLayout<uv_write_t>.stride
        let memory = UnsafeMutableRawBufferPointer.allocate(
            byteCount: header + bytes.count, alignment: MemoryLayout<uv_write_t>.alignment)
        let payload = UnsafeMutableRawBufferPointer(rebasing: memory[header...])
        payload.copyMemory(from: bytes)
        let request = memory.bindMemory(to: uv_write_t.self)
        // `memory` is larger than a request, so it has a first element.
        return WriteRequest(request: request.baseAddress.unsafelyUnwrapped, buffer: uv_buf_t(UnsafeRawBufferPointer(payload)))
    }

    static func free(_ request: UnsafeMutablePointer<uv_write_t>) {
        UnsafeMutableRawPointer(request).deallocate()
    }
}

extension uv_buf_t {
    /// libuv's buffers are not const, though writes only read them.
    init(_ bytes: UnsafeRawBufferPointer) {
        let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
        self.init(base: base, len: bytes.count)
    }
}
