import Models
import Tensors

/// Times single steps of a decoder, without engine and sampling. One thread; the decoder's pool does the work.
struct StepMeasure {
    let decoder: Decoder
    let tokens: Int
    let repeats: Int

    /// Tokens that are in the cache before decoding is timed.
    static let context = 128

    /// Seconds for a prompt of `length` tokens, the best of `repeats`.
    func prefill(_ length: Int, delta: AdapterDelta?) -> Double {
        let blocks = blocks(length)
        let cache = decoder.makeCache(blocks: blocks)
        let logits = FloatBuffer(count: decoder.configuration.vocabulary)
        let batch = StepBatch(
            tokens: prompt(length),
            runs: [
                .init(
                    tokens: 0..<length, startPosition: 0, blocks: (0..<Int32(blocks)).map { $0 }, delta: delta, logits: .last
                )
            ])
        return best { decoder.step(batch, cache: cache, logits: logits.pointer) }
    }

    /// Seconds in which each of `rows` sequences decodes `tokens` tokens; the sequences take `deltas` in turn.
    func decode(_ rows: Int, deltas: [AdapterDelta]) -> Double {
        let perRow = blocks(Self.context + tokens)
        let cache = decoder.makeCache(blocks: rows * perRow)
        let logits = FloatBuffer(count: rows * decoder.configuration.vocabulary)
        func run(_ row: Int, _ range: Range<Int>, at position: Int) -> StepBatch.Run {
            .init(
                tokens: range, startPosition: position, blocks: (0..<Int32(perRow)).map { Int32(row * perRow) + $0 },
                delta: deltas.isEmpty ? nil : deltas[row % deltas.count], logits: .last)
        }
        for row in 0..<rows {
            let batch = StepBatch(tokens: prompt(Self.context), runs: [run(row, 0..<Self.context, at: 0)])
            decoder.step(batch, cache: cache, logits: logits.pointer)
        }
        let steps = (0..<tokens).map { step in
            StepBatch(
                tokens: (0..<rows).map { token($0 * 31 + step) },
                runs: (0..<rows).map { run($0, $0..<$0 + 1, at: Self.context + step) })
        }
        return best {
            for step in steps { decoder.step(step, cache: cache, logits: logits.pointer) }
        }
    }

    private func best(_ body: () -> Void) -> Double {
        // The first one warms caches and scratch memory up.
        body()
        return (0..<repeats).map { _ in Machine.elapsed(body) }.min() ?? 0
    }

    private func blocks(_ positions: Int) -> Int { (positions + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens }

    /// Ids that vary; which ones does not change the time.
    private func prompt(_ length: Int) -> [Int32] { (0..<length).map { token($0) } }
    private func token(_ index: Int) -> Int32 { Int32((index * 7919 + 17) % decoder.configuration.vocabulary) }
}
