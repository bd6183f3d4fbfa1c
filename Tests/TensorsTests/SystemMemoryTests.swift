import Testing

@testable import Tensors

@Suite struct SystemMemoryTests {
    @Test func moreThanAnAddressSpaceHoldsIsAnError() {
        let error = #expect(throws: ResourceError.self) { try SystemMemory.map(1 << 50, for: "a test") }
        #expect(error?.message == "no memory for \(1 << 50) bytes of a test: Cannot allocate memory")
    }

    @Test func buffersOfAbsurdSizesAreErrors() {
        for count in [1 << 50, Int.max] {
            let error = #expect(throws: ResourceError.self) { try FloatBuffer(count, for: "a test") }
            #expect(error?.message.contains("no memory for") == true)
        }
        #expect(throws: ResourceError.self) { try MatrixMemory(byteCount: 1 << 50) }
        #expect(throws: ResourceError.self) { try QuantizedRows(capacityRows: 1 << 30, columns: 1 << 20, for: "a test") }
    }

    @Test func requestsWithinTheLimitAreServed() throws {
        try SystemMemory.$limitBytes.withValue(1 << 20) {
            _ = try FloatBuffer(1 << 18, for: "a test")
            #expect(throws: ResourceError.self) { try FloatBuffer((1 << 18) + 1, for: "a test") }
        }
    }

    @Test(arguments: [-1, 0, 1025, 1 << 30]) func aPoolOfAnAbsurdSizeIsAnError(threads: Int) {
        let error = #expect(throws: ResourceError.self) { try WorkerPool(starting: threads) }
        #expect(error?.message == "\(threads) worker threads were asked for, expected 1 to 1024")
    }
}
