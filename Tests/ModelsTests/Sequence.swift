import Models
import Tensors

/// One sequence on a decoder, with its place in a cache.
struct Sequence {
    var tokens: [Int32]
    var delta: AdapterDelta?
    var blocks: [Int32]
    /// It takes LongRoPE's short factors.
    var isShort = false

    init(_ tokens: [Int32], delta: AdapterDelta? = nil, firstBlock: Int32 = 0) {
        self.tokens = tokens
        self.delta = delta
        let count = Int32((tokens.count + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens)
        // Out of order: a table must be followed.
        blocks = (firstBlock..<firstBlock + count).reversed()
    }

    /// Logits of every position, `[tokens, vocabulary]`, computed in chunks of at most `chunk` tokens.
    func logits(_ decoder: StepWorkspace, chunk: Int = .max) -> [[Float]] {
        let cache = decoder.makeCache(blocks: Int(blocks.max() ?? 0) + 1)
        var rows: [[Float]] = []
        var start = 0
        while start < tokens.count {
            let count = min(chunk, tokens.count - start)
            let batch = StepBatch(
                tokens: Array(tokens[start..<start + count]),
                runs: [.init(tokens: 0..<count, startPosition: start, blocks: blocks, delta: delta, logits: .all, isShort: isShort)])
            rows += decoder.rows(batch, cache)
            start += count
        }
        return rows
    }
}

/// A decoder with a workspace of its own.
extension StepWorkspace {
    convenience init(
        _ files: ModelFiles, precision: ModelPrecision, pool: WorkerPool, keyValueFormat: KeyValueFormat = .f16, maximumRows: Int = 512
    ) throws {
        try self.init(
            DecoderWeights(files, precision: precision, pool: pool, keyValueFormat: keyValueFormat), pool: pool, maximumRows: maximumRows)
    }

    var configuration: DecoderConfiguration { weights.configuration }

    func makeCache(blocks: Int) -> KeyValueCache {
        do {
            return try weights.makeCache(blocks: blocks)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

extension StepWorkspace {
    /// One step's logits, a row each; between rows lies what the step may not touch.
    func rows(_ batch: StepBatch, _ cache: KeyValueCache) -> [[Float]] {
        let (vocabulary, stride) = (configuration.vocabulary, weights.logitsStride + 16)
        let logits = FloatBuffer([Float](repeating: -7, count: batch.logitsRows * stride))
        step(batch, cache: cache, logits: logits.pointer, stride: stride)
        return (0..<batch.logitsRows).map { row in
            let all = Array(UnsafeBufferPointer(start: logits.pointer + row * stride, count: stride))
            precondition(weights.precision == .reference || all[vocabulary...].allSatisfy { $0 == -7 }, "a step writes its rows alone")
            return Array(all[..<vocabulary])
        }
    }
}

/// `max |one - other| / max |other|`; infinite when a value is not finite or the sizes differ.
func relativeDifference(_ one: [Float], _ other: [Float]) -> Float {
    guard one.count == other.count, one.allSatisfy(\.isFinite) else { return .infinity }
    let largest = other.reduce(0) { max($0, abs($1)) }
    return zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) } / largest
}
