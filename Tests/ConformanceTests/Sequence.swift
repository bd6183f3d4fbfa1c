import Foundation
import Models
import Tensors

/// One sequence on a decoder, with its place in a cache.
struct Sequence {
    var tokens: [Int32]
    var delta: AdapterDelta?
    var blocks: [Int32]

    init(_ tokens: [Int32], delta: AdapterDelta? = nil, firstBlock: Int32 = 0) {
        self.tokens = tokens
        self.delta = delta
        let count = Int32((tokens.count + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens)
        // Out of order: a table must be followed.
        blocks = (firstBlock..<firstBlock + count).reversed()
    }

    /// Logits of every position, a row each, computed in chunks of at most `chunk` tokens.
    func logits(_ decoder: StepWorkspace, chunk: Int = .max) -> [[Float]] {
        let cache = decoder.makeCache(blocks: Int(blocks.max() ?? 0) + 1)
        var rows: [[Float]] = []
        while rows.count < tokens.count {
            let (start, count) = (rows.count, min(chunk, tokens.count - rows.count))
            let runs = StepBatch.runs(0..<count, at: start, blocks: blocks, delta: delta, from: delta?.start(in: tokens), logits: .all)
            rows += decoder.rows(StepBatch(tokens: Array(tokens[start..<start + count]), runs: runs), cache)
        }
        return rows
    }

    /// All sequences in steps of random parts in random order; answers each one's rows. Their blocks are apart.
    static func together(
        _ sequences: [Sequence], _ decoder: StepWorkspace, longestPart: Int = 23, _ random: inout SeededRandom
    ) -> [[[Float]]] {
        let cache = decoder.makeCache(blocks: 1 + Int(sequences.flatMap(\.blocks).max() ?? 0))
        var rows = sequences.map { _ in [[Float]]() }
        while true {
            let waiting = sequences.indices.filter { rows[$0].count < sequences[$0].tokens.count }
            if waiting.isEmpty { return rows }
            var batch = StepBatch()
            var parts: [(sequence: Int, count: Int)] = []
            for index in waiting.shuffled(using: &random) where parts.isEmpty || Int.random(in: 0..<4, using: &random) > 0 {
                let (start, sequence) = (rows[index].count, sequences[index])
                let most = min(sequence.tokens.count - start, Bool.random(using: &random) ? 1 : longestPart)
                let count = Int.random(in: 1...most, using: &random)
                let first = batch.tokens.count
                batch.tokens += sequence.tokens[start..<start + count]
                batch.runs += StepBatch.runs(
                    first..<first + count, at: start, blocks: sequence.blocks, delta: sequence.delta, from: sequence.delta?.start(in: sequence.tokens),
                    logits: .all)
                parts.append((index, count))
            }
            var results = decoder.rows(batch, cache)[...]
            for part in parts {
                rows[part.sequence] += results.prefix(part.count)
                results = results.dropFirst(part.count)
            }
        }
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
    /// One step's logits, a row each.
    func rows(_ batch: StepBatch, _ cache: KeyValueCache) -> [[Float]] {
        let stride = weights.logitsStride
        let logits = FloatBuffer(count: batch.logitsRows * stride)
        step(batch, cache: cache, logits: logits.pointer, stride: stride)
        // A row has its adapter's own tokens, too.
        let counts = batch.runs.flatMap { run in
            [Int](repeating: configuration.vocabulary + (run.delta?.addedTokens(beside: configuration.vocabulary) ?? 0), count: run.logitsRows)
        }
        return counts.enumerated().map { row, count in Array(UnsafeBufferPointer(start: logits.pointer + row * stride, count: count)) }
    }
}

/// `max |one - other| / max |other|`; infinite when a value is not finite or the sizes differ.
func relativeDifference(_ one: [Float], _ other: [Float]) -> Float {
    guard one.count == other.count, one.allSatisfy(\.isFinite) else { return .infinity }
    let largest = other.reduce(0) { max($0, abs($1)) }
    return zip(one, other).reduce(0) { max($0, abs($1.0 - $1.1)) } / largest
}

/// The mean over positions of the divergence of `rows`' distributions from `reference`'s, `sum p (log p - log q)`.
func meanDivergence(_ reference: [[Float]], _ rows: [[Float]]) -> Double {
    func probabilities(_ row: [Float]) -> [Float] {
        var values = row
        values.withUnsafeMutableBufferPointer { buffer in
            if let base = buffer.baseAddress { Kernels.softmax(base, count: buffer.count) }
        }
        return values
    }
    let sum = zip(reference, rows).reduce(0.0) { sum, pair in
        zip(probabilities(pair.0), probabilities(pair.1)).reduce(sum) { sum, values in
            let (own, other) = (Double(values.0), Double(values.1))
            return own == 0 ? sum : sum + own * (log(own) - log(max(other, .leastNormalMagnitude)))
        }
    }
    return sum / Double(reference.count)
}
