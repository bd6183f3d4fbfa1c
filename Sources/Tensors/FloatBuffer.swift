internal import Glibc

/// f32 elements in 64-byte aligned memory, zeroed. Large buffers take memory as they are first written, page by page: most are
/// sized for the greatest batch, which may never come.
///
/// `@unchecked Sendable`: the owner writes before it shares; what is shared is only read, or written in slices that threads
/// agree on by a barrier.
public final class FloatBuffer: @unchecked Sendable {
    public let count: Int
    /// Valid as long as this object lives.
    public let pointer: UnsafeMutablePointer<Float>
    /// Of the mapping that the buffer is; 0: it is on the heap.
    private let mappedBytes: Int

    private static let leastMappedBytes = 256 << 10

    public init(count: Int) {
        precondition(count >= 0, "a buffer has no negative number of elements")
        self.count = count
        if 4 * count >= Self.leastMappedBytes {
            mappedBytes = 4 * count
            let mapping = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            guard let mapping, mapping != MAP_FAILED else { preconditionFailure("the system has memory for a buffer") }
            pointer = mapping.bindMemory(to: Float.self, capacity: count)
            return
        }
        mappedBytes = 0
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(4 * count, 64), alignment: 64)
        pointer = memory.bindMemory(to: Float.self, capacity: count)
        pointer.initialize(repeating: 0, count: count)
    }

    /// Copies.
    public convenience init(_ values: [Float]) {
        self.init(count: values.count)
        values.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            pointer.update(from: base, count: source.count)
        }
    }

    deinit {
        if mappedBytes > 0 {
            munmap(pointer, mappedBytes)
        } else {
            UnsafeMutableRawPointer(pointer).deallocate()
        }
    }
}
