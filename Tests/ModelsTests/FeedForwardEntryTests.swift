import Tensors
import Testing

@testable import Models

@Suite("steps that begin before a feed-forward") struct FeedForwardEntryTests {
    @Test(
        "a step that begins with traced rows has the bits of the whole step, under a branch too; of the reference path the values", arguments: ["llama", "gemma3_text"],
        [ModelPrecision.fast, .reference])
    func bits(type: String, precision: ModelPrecision) throws {
        let model = try TinyModel(TinyModel.config(type, ["num_hidden_layers": 4]))
        let files = try ModelFiles.open(model.path)
        let (hidden, site, prompt) = (files.configuration.hidden, 1, 5)
        let tokens: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
        var random = TinyModel.Random(seed: 31)
        let branch = try LowRank(
            a: random.floats(3 * hidden, scale: 0.4), transposedB: random.floats(3 * hidden, scale: 0.4), rank: 3, inputs: hidden,
            outputs: hidden, scale: 1, element: precision == .fast ? .bf16 : .f32)
        let delta = AdapterDelta(
            layers: 4, branches: [nil, BranchPatch(branch, offsets: FloatBuffer(random.floats(3))), nil, nil])
        // Parts of four rows.
        let decoder = try StepWorkspace(files, precision: precision, pool: WorkerPool(threads: 2), maximumRows: 4)
        let cache = decoder.makeCache(blocks: 1)
        let trace = try FeedForwardTrace(layer: site, rows: tokens.count, files.configuration)
        func step(_ rows: Range<Int>, _ delta: AdapterDelta?, from entry: FeedForwardEntry? = nil) -> [Float] {
            let count = rows.count * files.configuration.vocabulary
            let logits = FloatBuffer(count: count)
            let run = StepBatch.Run(tokens: 0..<rows.count, startPosition: rows.lowerBound, blocks: [0], delta: delta, logits: .all)
            decoder.step(
                StepBatch(tokens: Array(tokens[rows]), runs: [run]), cache: cache, logits: logits.pointer,
                feedForward: entry == nil && delta == nil ? trace : nil, from: entry)
            return Array(UnsafeBufferPointer(start: logits.pointer, count: count))
        }
        func entry(_ row: Int) -> FeedForwardEntry {
            FeedForwardEntry(layer: site, residual: trace.residual.pointer + row * hidden)
        }
        func isSame(_ one: [Float], _ other: [Float]) -> Bool {
            precision == .fast ? one == other : relativeDifference(one, other) < 1e-5
        }
        let base = step(0..<tokens.count, nil)
        let whole = step(prompt..<tokens.count, delta)
        #expect(whole != Array(base.suffix(whole.count)))
        _ = step(0..<tokens.count, nil)
        #expect(isSame(step(prompt..<tokens.count, delta, from: entry(prompt)), whole))
        #expect(isSame(step(prompt..<tokens.count, nil, from: entry(prompt)), Array(base.suffix(whole.count))))
        // Row by row.
        let single = (prompt..<tokens.count).flatMap { step($0..<$0 + 1, delta, from: entry($0)) }
        #expect(isSame(single, whole))
        withExtendedLifetime(model) {}
    }
}
