import Testing

@testable import Tensors

@Suite struct FetchTests {
    /// At 256 KiB, and at 512 KiB for many rows.
    @Test func aListCountsLinesAndEnds() {
        let ranges = UnsafeMutablePointer<Kernels.Fetch.Range>.allocate(capacity: 4)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer {
            ranges.deallocate()
            memory.deallocate()
        }
        var fetch = Kernels.Fetch(ranges, after: nil, rows: 16)
        fetch.add(memory, byteCount: 0)
        #expect((fetch.list.count, fetch.list.lines) == (0, 0))
        fetch.add(memory, byteCount: 65)
        #expect((fetch.list.count, fetch.list.lines) == (1, 2))
        fetch.add(memory, byteCount: 512 << 10)
        fetch.add(memory, byteCount: 64)
        #expect((fetch.list.count, fetch.list.lines) == (2, 8194))
        #expect(fetch.list.ranges[1].bytes == 512 << 10)
        var larger = Kernels.Fetch(ranges, after: nil, rows: 17)
        for _ in 0..<3 { larger.add(memory, byteCount: 256 << 10) }
        #expect((larger.list.count, larger.list.lines) == (2, 8192))
    }

    @Test func whatAnAdapterReadsOfAMatrixIsFetched() {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 64)
        let ranges = UnsafeMutablePointer<Kernels.Fetch.Range>.allocate(capacity: 4)
        defer {
            ranges.deallocate()
            memory.deallocate()
        }
        let b = Kernels.Int8Matrix.expanding(memory, outputs: 100, rank: 40)
        var fetch = Kernels.Fetch(ranges, after: nil, rows: 1)
        fetch.add(b, outputs: 32..<100)
        // 7 panels of 10 vectors, then 7 times 2 blocks of 16 scales; from the third panel on.
        let bytes = (0..<2).map { (UnsafeRawPointer(fetch.list.ranges[$0].start) - UnsafeRawPointer(memory), fetch.list.ranges[$0].bytes) }
        #expect(bytes[0] == (2 * 640, 5 * 640))
        #expect(bytes[1] == (7 * 640 + 2 * 64, 5 * 64))
        #expect(bytes[1].0 + bytes[1].1 == b.byteCount)
        fetch.add(Kernels.Int8Matrix.shrinking(memory, rank: 16, inputs: 64))
        #expect(fetch.list.ranges[2].bytes == 16 * 64 + 2 * 16 * 2)
    }
}
