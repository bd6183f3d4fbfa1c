import Foundation
import Synchronization
import Tensors
import Testing

@testable import Models

/// Weights belong to nobody's step: several workspaces use them at once. Run it under ThreadSanitizer, too.
@Suite("several workspaces on one decoder's weights")
struct WorkspaceSharingTests {
    /// The fast path's bits are a row's own. Those of sgemm, on the reference path, depend on the rows beside it.
    private static func isSame(_ rows: [[Float]], _ alone: [[Float]], _ precision: ModelPrecision) -> Bool {
        precision == .fast ? rows == alone : relativeDifference(rows.flatMap { $0 }, alone.flatMap { $0 }) < 1e-4
    }

    @Test(
        "steppers with different adapters on threads of their own get the bits that each gets alone",
        arguments: ModelPrecision.allCases, [true, false])
    func atOnce(precision: ModelPrecision, isPoolShared: Bool) throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let files = try ModelFiles.open(model.path)
        let pool = WorkerPool(threads: 2)
        let weights = try DecoderWeights(files, precision: precision, pool: pool)
        var random = TinyModel.Random(seed: 11)
        let element: LowRank.Element = precision == .fast ? .int8 : .f32
        let deltas: [AdapterDelta?] = [
            nil, try Deltas.lowRank(8, files.configuration, &random, element: element), try Deltas.branches(files.configuration, &random),
            try Deltas.mixtures(files.configuration, &random, element: element),
        ]
        let sequences = deltas.enumerated().map { number, delta in
            Sequence((0..<24).map { Int32(($0 * 7 + number * 13) % 96) }, delta: delta)
        }
        let alone = try sequences.map { $0.logits(try StepWorkspace(weights, pool: pool)) }
        let wrong = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: sequences.count) { number in
            do {
                let own = isPoolShared ? pool : WorkerPool(threads: 2)
                // Of another size each: what one needs room for is no matter of the others.
                let workspace = try StepWorkspace(weights, pool: own, maximumRows: 5 + 3 * number)
                for chunk in [1, 4, 9] {
                    let rows = sequences[number].logits(workspace, chunk: chunk)
                    if !Self.isSame(rows, alone[number], precision) { wrong.withLock { $0.append("stepper \(number), chunks of \(chunk)") } }
                }
            } catch {
                wrong.withLock { $0.append("stepper \(number): \(error)") }
            }
        }
        #expect(wrong.withLock { $0 } == [])
        withExtendedLifetime(model) {}
    }

    @Test("a trace is that of its own step, whoever else steps")
    func traces() throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let files = try ModelFiles.open(model.path)
        let pool = WorkerPool(threads: 2)
        let weights = try DecoderWeights(files, precision: .fast, pool: pool)
        var random = TinyModel.Random(seed: 3)
        let delta = try Deltas.mixtures(files.configuration, &random, element: .int8)
        let tokens: [[Int32]] = (0..<2).map { number in (0..<30).map { place in Int32((place * 5 + number * 31) % 96) } }
        @Sendable func weightsOfRouters(_ tokens: [Int32]) throws -> [Float] {
            let workspace = try StepWorkspace(weights, pool: pool, maximumRows: 7)
            let trace = ExpertTrace(of: delta, rows: tokens.count)
            let logits = FloatBuffer(count: 96)
            let run = StepBatch.Run(tokens: 0..<tokens.count, startPosition: 0, blocks: [0, 1], delta: delta)
            workspace.step(
                StepBatch(tokens: tokens, runs: [run]), cache: try weights.makeCache(blocks: 2), logits: logits.pointer, trace: trace)
            return tokens.indices.flatMap { row in delta.routers.flatMap { trace.weights($0, row: row) } }
        }
        let alone = try tokens.map(weightsOfRouters)
        let wrong = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: 2) { number in
            for _ in 0..<8 where (try? weightsOfRouters(tokens[number])) != alone[number] { wrong.withLock { $0 += 1 } }
        }
        #expect(wrong.withLock { $0 } == 0)
        withExtendedLifetime(model) {}
    }
}
