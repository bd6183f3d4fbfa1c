/// f32 elements in 64-byte aligned memory, zeroed.
///
/// `@unchecked Sendable`: the owner writes before it shares; what is shared is only read, or written in slices that threads
/// agree on by a barrier.
public final class FloatBuffer: @unchecked Sendable {
    public let count: Int
    /// Valid as long as this object lives.
    public let pointer: UnsafeMutablePointer<Float>

    public init(count: Int) {
        precondition(count >= 0, "a buffer has no negative number of elements")
        self.count = count
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

    deinit { UnsafeMutableRawPointer(pointer).deallocate() }
}
