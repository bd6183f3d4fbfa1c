import JSON
import Tensors
import Testing

@testable import Models

@Suite("traces of a feed-forward") struct FeedForwardTraceTests {
    private func values(_ buffer: FloatBuffer, _ rows: Range<Int>, _ hidden: Int) -> [Float] {
        Array(UnsafeBufferPointer(start: buffer.pointer + rows.lowerBound * hidden, count: rows.count * hidden))
    }

    @Test("a trace changes no bit, and is the same however a sequence is cut", arguments: ["llama", "gemma3_text"])
    func cut(type: String) throws {
        let model = try TinyModel(TinyModel.config(type, ["num_hidden_layers": 3]))
        let files = try ModelFiles.open(model.path)
        let hidden = files.configuration.hidden
        let tokens: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
        let decoder = try StepWorkspace(files, precision: .fast, pool: WorkerPool(threads: 2), maximumRows: 4)
        let (whole, part) = (
            try FeedForwardTrace(layer: 1, rows: 11, files.configuration), try FeedForwardTrace(layer: 1, rows: 1, files.configuration)
        )
        let logits = FloatBuffer(count: 11 * files.configuration.vocabulary)
        let run = StepBatch.Run(tokens: 0..<11, startPosition: 0, blocks: [0], logits: .all)
        decoder.step(
            StepBatch(tokens: tokens, runs: [run]), cache: decoder.makeCache(blocks: 1), logits: logits.pointer, feedForward: whole)
        let width = files.configuration.vocabulary
        #expect((0..<11).map { values(logits, $0..<$0 + 1, width) } == Sequence(tokens).logits(decoder))
        let cache = decoder.makeCache(blocks: 1)
        for position in tokens.indices {
            let run = StepBatch.Run(tokens: 0..<1, startPosition: position, blocks: [0], logits: .none)
            decoder.step(StepBatch(tokens: [tokens[position]], runs: [run]), cache: cache, logits: logits.pointer, feedForward: part)
            for (one, all) in [(part.input, whole.input), (part.residual, whole.residual), (part.output, whole.output)] {
                #expect(values(one, 0..<1, hidden) == values(all, position..<position + 1, hidden))
            }
        }
        withExtendedLifetime(model) {}
    }

    @Test("the last layer's residual and output make the logits, on the reference path")
    func logits() throws {
        let model = try TinyModel(TinyModel.config("llama"))
        let files = try ModelFiles.open(model.path)
        let (hidden, vocabulary) = (files.configuration.hidden, files.configuration.vocabulary)
        let decoder = try StepWorkspace(files, precision: .reference, pool: WorkerPool(threads: 1))
        let trace = try FeedForwardTrace(layer: 1, rows: 3, files.configuration)
        let logits = FloatBuffer(count: 3 * vocabulary)
        let run = StepBatch.Run(tokens: 0..<3, startPosition: 0, blocks: [0], logits: .all)
        decoder.step(StepBatch(tokens: [5, 6, 7], runs: [run]), cache: decoder.makeCache(blocks: 1), logits: logits.pointer, feedForward: trace)
        let norm = files.tensor(.finalNorm).floats()
        let head = files.tensor(.head).floats()
        for row in 0..<3 {
            let sum = zip(values(trace.residual, row..<row + 1, hidden), values(trace.output, row..<row + 1, hidden)).map { $0 + $1 }
            let root = (sum.reduce(0) { $0 + $1 * $1 } / Float(hidden) + files.configuration.normEpsilon).squareRoot()
            let x = zip(sum, norm).map { $0 / root * $1 }
            let own = (0..<vocabulary).map { token in (0..<hidden).reduce(Float(0)) { $0 + head[token * hidden + $1] * x[$1] } }
            #expect(relativeDifference(own, values(logits, row..<row + 1, vocabulary)) < 1e-5)
        }
        withExtendedLifetime(model) {}
    }
}
