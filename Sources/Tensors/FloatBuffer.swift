/// f32 elements in zeroed memory, 64-byte aligned.
///
/// A large buffer is a mapping of its own, whose pages take memory when they are first written: most buffers are sized for the
/// largest batch, which may never come.
///
/// `@unchecked Sendable`: the owner writes before it shares the buffer. A shared buffer is only read, or threads write disjoint
/// slices between barriers.
public final class FloatBuffer: @unchecked Sendable {
    public let count: Int
    /// Valid as long as this object lives.
    public let pointer: UnsafeMutablePointer<Float>
    /// Bytes of the buffer's mapping; 0: it is on the heap.
    private let mappedBytes: Int

    private static let leastMappedBytes = 256 << 10

    /// For sizes that come from a file or a setting. Throws when the system has no memory for it.
    /// - Parameter purpose: goes into the error: "no memory for 12 bytes of …".
    public init(_ count: Int, for purpose: String) throws(ResourceError) {
        precondition(count >= 0, "a buffer of \(count) elements was asked for")
        let (bytes, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
        guard !overflows else { throw ResourceError("no memory for \(count) floats of \(purpose): the size overflows") }
        self.count = count
        if bytes >= Self.leastMappedBytes {
            mappedBytes = bytes
            pointer = try SystemMemory.map(bytes, for: purpose).bindMemory(to: Float.self, capacity: count)
            return
        }
        mappedBytes = 0
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(bytes, 64), alignment: 64)
        pointer = memory.bindMemory(to: Float.self, capacity: count)
        pointer.initialize(repeating: 0, count: count)
    }

    /// For sizes that the program bounds. The process ends when the system has no memory for it.
    public convenience init(count: Int) {
        do throws(ResourceError) {
            try self.init(count, for: "working memory")
        } catch {
            fatalError(error.message)
        }
    }

    /// Copies.
    public convenience init(_ values: [Float]) {
        self.init(count: values.count)
        values.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            pointer.update(from: base, count: source.count)
        }
    }

    /// The same memory as words of 32 bits, or of 16. The owner uses a buffer as the one or the other, not as two of them.
    public var words: UnsafeMutablePointer<UInt32> { UnsafeMutableRawPointer(pointer).bindMemory(to: UInt32.self, capacity: count) }
    public var halves: UnsafeMutablePointer<UInt16> { UnsafeMutableRawPointer(pointer).bindMemory(to: UInt16.self, capacity: 2 * count) }

    deinit {
        if mappedBytes > 0 {
            SystemMemory.unmap(pointer, byteCount: mappedBytes)
        } else {
            UnsafeMutableRawPointer(pointer).deallocate()
        }
    }
}
