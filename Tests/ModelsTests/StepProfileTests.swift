import Tensors
import Testing

@testable import Models

@Suite struct StepProfileTests {
    private static func step(threads: Int, profile: StepProfile?) throws -> [Float] {
        let model = try TinyModel(TinyModel.config("llama"))
        defer { withExtendedLifetime(model) {} }
        let pool = WorkerPool(threads: threads)
        let decoder = try DecoderWeights(ModelFiles.open(model.path), precision: .fast, pool: pool)
        let workspace = try StepWorkspace(decoder, pool: pool)
        workspace.profile = profile
        let logits = FloatBuffer(count: decoder.configuration.vocabulary)
        let batch = StepBatch(
            tokens: [1, 2, 3], runs: [.init(tokens: 0..<3, startPosition: 0, blocks: [0], delta: nil, logits: .last)])
        workspace.step(batch, cache: try decoder.makeCache(blocks: 1), logits: logits.pointer)
        return Array(UnsafeBufferPointer(start: logits.pointer, count: logits.count))
    }

    @Test("every thread's time goes to the phases of a layer, and clearing forgets it", arguments: [1, 2])
    func phases(threads: Int) throws {
        let profile = StepProfile(threads: threads)
        _ = try Self.step(threads: threads, profile: profile)
        let seen: [StepPhase] = [.embedding, .rows, .queryKeyValue, .heads, .attention, .output, .gateUp, .down, .head, .waiting]
        for thread in 0..<threads {
            for phase in seen { #expect(profile.total(phase, thread: thread).nanoseconds > 0, "\(phase) of thread \(thread)") }
            #expect(profile.total(.experts, thread: thread).nanoseconds == 0)
            let counts = profile.total(.queryKeyValue, thread: thread)
            #expect(profile.countsHardware == (counts.cycles > 0 && counts.instructions > 0))
        }
        profile.clear()
        for phase in StepPhase.allCases { #expect(profile.total(phase, thread: 0) == ThreadCounters.Reading()) }
    }

    @Test("no bit of the results depends on it")
    func bits() throws {
        #expect(try Self.step(threads: 2, profile: StepProfile(threads: 2)) == Self.step(threads: 2, profile: nil))
    }

    @Test("the phases of a layer's cost are those that a profile has")
    func kinds() throws {
        let model = try TinyModel(TinyModel.config("llama"))
        defer { withExtendedLifetime(model) {} }
        let decoder = try DecoderWeights(ModelFiles.open(model.path), precision: .fast, pool: WorkerPool(threads: 1))
        let batch = StepBatch(tokens: [1], runs: [.init(tokens: 0..<1, startPosition: 0, blocks: [0], delta: nil, logits: .last)])
        #expect(
            decoder.cost(of: batch).phases.prefix(5).map(\.kind) == [.queryKeyValue, .attention, .output, .gateUp, .down])
        #expect(decoder.cost(of: batch).phases.last?.kind == .head)
    }
}
