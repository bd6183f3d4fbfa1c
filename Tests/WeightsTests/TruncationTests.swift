import Foundation
import Glibc
import Tensors
import TestSupport
import Testing
import Weights

/// A file of weights that another process truncates while it is mapped.
@Suite struct TruncationTests {
    @Test(arguments: [0, 7, 40, 5_000])
    func aHeaderThatIsCutOffWhileItIsReadIsTruncatedAndNothingElse(size: Int) throws {
        let folder = try TemporaryFolder()
        let values = [Float](repeating: 1, count: 4_096)
        let view = try #require(values.withUnsafeBytes { TensorView(name: "values", dtype: .f32, shape: [4_096], copying: $0) })
        let path = folder.place("weights.safetensors")
        try SafetensorsWriter.write([view], metadata: ["format": "pt"], to: path)
        let file = try MappedFile(path: path)
        #expect(truncate(path, size) == 0)
        let error = try #require(failure { try SafetensorsFile.open(file) })
        #expect(error.code == .truncated && error.file == path)

        let gguf = folder.place("weights.gguf")
        try folder.write(GGUFBytes.sample().bytes + [UInt8](repeating: 0, count: 10_000), to: "weights.gguf")
        let other = try MappedFile(path: gguf)
        #expect(truncate(gguf, size) == 0)
        #expect(failure { try GGUFFile.open(other) }?.code == .truncated)
    }

    @Test func tensorsThatAreReadAfterTheFileWasCutOffAreNotTrusted() throws {
        let folder = try TemporaryFolder()
        let values = [Float](repeating: 1, count: 40_000)
        let view = try #require(values.withUnsafeBytes { TensorView(name: "values", dtype: .f32, shape: [40_000], copying: $0) })
        let path = folder.place("weights.safetensors")
        try SafetensorsWriter.write([view], metadata: [:], to: path)
        let file = try SafetensorsFile.open(path)
        let tensor = try file.tensor("values", shape: [40_000])
        #expect(tensor.floats() == values && !tensor.isDamaged)
        #expect(truncate(path, 10_000) == 0)
        #expect(tensor.floats().last == 0)
        #expect(tensor.isDamaged)
        #expect(throws: MappedFileError.self) { try tensor.check() }
    }
}
