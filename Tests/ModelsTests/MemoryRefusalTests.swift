import Tensors
import Testing

@testable import Models

/// The system refuses memory: an error that its owner can turn into a refused adapter or a failed start.
@Suite("memory that the system refuses")
struct MemoryRefusalTests {
    private static func refused(_ error: ModelError?, _ words: String) -> Bool {
        error?.code == .noMemory && error?.message.contains(words) == true
    }

    @Test("a cache that no address space holds is an error that says how large it was")
    func cache() throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let weights = try DecoderWeights(ModelFiles.open(model.path), precision: .fast, pool: WorkerPool(threads: 1))
        let blocks = (1 << 50) / weights.cacheBlockBytes()
        let error = #expect(throws: ModelError.self) { try weights.makeCache(blocks: blocks) }
        #expect(Self.refused(error, "bytes of key-value cache: Cannot allocate memory"), "\(String(describing: error))")
        withExtendedLifetime(model) {}
    }

    @Test("weights, workspaces and an encoder's memory are refused by an error", arguments: ModelPrecision.allCases)
    func start(precision: ModelPrecision) throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let files = try ModelFiles.open(model.path)
        let pool = WorkerPool(threads: 1)
        if precision == .fast {
            let error = #expect(throws: ModelError.self) {
                try SystemMemory.$limitBytes.withValue(1 << 12) { try DecoderWeights(files, precision: .fast, pool: pool) }
            }
            #expect(Self.refused(error, "bytes of matrices"))
        }
        let weights = try DecoderWeights(files, precision: precision, pool: pool)
        let error = #expect(throws: ModelError.self) {
            try SystemMemory.$limitBytes.withValue(1 << 12) { try StepWorkspace(weights, pool: pool, maximumRows: 1 << 14) }
        }
        #expect(Self.refused(error, "a step's"))
        let encoder = #expect(throws: ModelError.self) {
            try SystemMemory.$limitBytes.withValue(1 << 12) {
                try Encoder(folder: encoderPath, precision: precision, pool: pool)
            }
        }
        #expect(Self.refused(encoder, "bytes of"))
        withExtendedLifetime(model) {}
    }

    @Test("an adapter's matrices are refused by an error that names the tensor")
    func adapter() throws {
        let width = 1 << 17
        let wide = try TinyModel.view("lora_A", [1, width], [Float](repeating: 1, count: width))
        let narrow = try TinyModel.view("lora_B", [8, 1], [Float](repeating: 1, count: 8))
        func error(_ make: () throws -> some Any) -> ModelError? {
            #expect(throws: ModelError.self) { try SystemMemory.$limitBytes.withValue(1 << 12) { _ = try make() } }
        }
        for refused in [
            error { try LowRank(a: wide, b: narrow, scale: 1, element: .f32) },
            error { try EmbeddingLowRank(a: wide, b: narrow, scale: 1, element: .f32) },
            error { try VocabularyMatrix(wide, element: .f32) }, error { try VocabularyMatrix(wide, element: .int8) },
            error { try TokenRows(tokens: [3], rows: wide) },
        ] {
            #expect(refused?.tensor == "lora_A")
            #expect(Self.refused(refused, "no memory for"))
        }
    }
}
