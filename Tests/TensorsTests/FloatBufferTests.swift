import Testing

@testable import Tensors

@Suite struct FloatBufferTests {
    /// On the heap and as a mapping of its own.
    @Test(arguments: [0, 1, 15, 65_535, 65_536, 65_537, 1 << 20])
    func buffersAreZeroedAlignedAndTheirOwn(count: Int) {
        for _ in 0..<3 {
            let buffers = [FloatBuffer(count: count), FloatBuffer(count: count)]
            for buffer in buffers {
                #expect(Int(bitPattern: buffer.pointer) % 64 == 0)
                #expect(UnsafeBufferPointer(start: buffer.pointer, count: count).allSatisfy { $0 == 0 })
            }
            for index in 0..<count { buffers[0].pointer[index] = Float(index % 1_000 + 1) }
            #expect(UnsafeBufferPointer(start: buffers[1].pointer, count: count).allSatisfy { $0 == 0 })
        }
    }

    @Test func valuesAreCopied() {
        let values = (0..<100_000).map(Float.init)
        let buffer = FloatBuffer(values)
        #expect(Array(UnsafeBufferPointer(start: buffer.pointer, count: buffer.count)) == values)
        Heap.trim()
        #expect(buffer.pointer[99_999] == 99_999, "what is in use stays")
    }
}
