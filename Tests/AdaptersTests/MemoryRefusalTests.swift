import Models
import Tensors
import Testing

@testable import Adapters

@Suite struct MemoryRefusalTests {
    @Test("memory that the system refuses is an error of the adapter that names the bytes; the process goes on")
    func refused() throws {
        let files = try ModelFiles.open("\(LogitsTests.root)/Tests/ModelsTests/Fixtures/tiny/llama")
        func store() -> AdapterStore {
            AdapterStore(folder: "\(LogitsTests.fixtures)/tiny", base: files.configuration, budgetBytes: 1 << 20)
        }
        let error = #expect(throws: AdapterError.self) {
            try SystemMemory.$limitBytes.withValue(64) { try store().acquire("plain") }
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("bytes of matrices: Cannot allocate memory") == true, "\(String(describing: error))")
        #expect(try store().acquire("plain").delta.byteCount > 0)
    }
}
