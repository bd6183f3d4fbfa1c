import Models
import Tensors

/// Which adapters the rows of a step have.
struct AdapterMix {
    enum Kind: String {
        case base, one, different
    }

    let kind: Kind
    /// For people: `base`, `rank 16`, `8 x rank 16`, or names.
    let label: String
    /// 0 without made adapters.
    let rank: Int
    /// Rows take them in turn.
    let deltas: [AdapterDelta]

    static let base = AdapterMix(kind: .base, label: "base", rank: 0, deltas: [])
}

/// What was measured of one kind of step.
struct StepResult {
    let rows: Int
    /// Tokens that each row has in the cache before.
    let context: Int
    let mix: AdapterMix
    /// Of one prompt, or of one token for every row.
    let seconds: Double
    /// Tokens that go through the layers in that time.
    let tokens: Int
    let cost: ModelCost
    /// Of a step, once one of its size has run.
    let allocations: Int?
    /// Empty unless it is asked for.
    var phases: [PhaseResult] = []

    var tokensPerSecond: Double { Double(tokens) / seconds }
}

/// Times single steps of a decoder, without engine and sampling. One thread; the workspace's pool does the work.
struct StepMeasure {
    let workspace: StepWorkspace
    /// Of the workspace's pool.
    let threads: Int
    var decoder: DecoderWeights { workspace.weights }
    /// Tokens that each row decodes in a run.
    let tokens: Int
    let repeats: Int
    /// Whether steps are taken apart by phase.
    let profiles: Bool

    /// A prompt of `length` tokens under each mix. With different adapters it is as many prompts, of equal parts of the length.
    /// The mixes take turns, so that a slow spell of the machine meets all of them; medians of the rounds.
    func prefill(_ length: Int, _ mixes: [AdapterMix]) throws(ModelError) -> [StepResult] {
        let batches = mixes.map { mix in prompts(length, mix) }
        let cache = try decoder.makeCache(blocks: blocks(length) + mixes.reduce(1) { max($0, $1.deltas.count) })
        let logits = FloatBuffer(count: mixes.reduce(1) { max($0, $1.deltas.count) } * decoder.logitsStride)
        let seconds = rounds(batches.count) { index in step(batches[index], cache, logits) }
        return zip(mixes, batches).enumerated().map { index, pair in
            StepResult(
                rows: 1, context: 0, mix: pair.0, seconds: seconds[index], tokens: length,
                cost: decoder.cost(of: pair.1, maximumRows: workspace.maximumRows), allocations: allocations { step(pair.1, cache, logits) },
                phases: phases([pair.1], cache, logits))
        }
    }

    /// `rows` sequences that decode `tokens` tokens each after `context` tokens, under each mix; seconds of one step.
    func decode(_ rows: Int, after context: Int, _ mixes: [AdapterMix]) throws(ModelError) -> [StepResult] {
        let perRow = blocks(context + tokens)
        let cache = try decoder.makeCache(blocks: rows * perRow)
        let logits = FloatBuffer(count: rows * decoder.logitsStride)
        func run(_ row: Int, _ range: Range<Int>, at position: Int, _ mix: AdapterMix) -> StepBatch.Run {
            .init(
                tokens: range, startPosition: position, blocks: (0..<Int32(perRow)).map { Int32(row * perRow) + $0 },
                delta: mix.deltas.isEmpty ? nil : mix.deltas[row % mix.deltas.count], logits: .last)
        }
        // What is in the cache does not change the time: the base's context serves all mixes.
        for row in 0..<rows {
            let batch = StepBatch(
                tokens: prompt(context), runs: [run(row, 0..<context, at: 0, .base)])
            step(batch, cache, logits)
        }
        let batches = mixes.map { mix in
            (0..<tokens).map { step in
                StepBatch(
                    tokens: (0..<rows).map { token($0 * 31 + step) },
                    runs: (0..<rows).map { run($0, $0..<$0 + 1, at: context + step, mix) })
            }
        }
        let seconds = rounds(mixes.count) { index in
            for step in batches[index] { self.step(step, cache, logits) }
        }
        return mixes.enumerated().map { index, mix in
            let middle = batches[index][tokens / 2]
            return StepResult(
                rows: rows, context: context, mix: mix, seconds: seconds[index] / Double(tokens), tokens: rows,
                cost: decoder.cost(of: middle, maximumRows: workspace.maximumRows), allocations: allocations { step(middle, cache, logits) },
                phases: phases(batches[index], cache, logits))
        }
    }

    /// What the phases of these steps take, apart from the runs that are timed whole, as reading the counters takes time.
    private func phases(_ batches: [StepBatch], _ cache: KeyValueCache, _ logits: FloatBuffer) -> [PhaseResult] {
        guard profiles else { return [] }
        let profile = StepProfile(threads: threads)
        workspace.profile = profile
        defer { workspace.profile = nil }
        for batch in batches { step(batch, cache, logits) }
        let cost = decoder.cost(of: batches[batches.count / 2], maximumRows: workspace.maximumRows)
        return PhaseResult.all(profile, steps: batches.count, cost)
    }

    private func step(_ batch: StepBatch, _ cache: KeyValueCache, _ logits: FloatBuffer) {
        workspace.step(batch, cache: cache, logits: logits.pointer, stride: decoder.logitsStride)
    }

    /// Each of `count` pieces of work in turn, `repeats` times after a first round that warms up; the median of each.
    private func rounds(_ count: Int, _ body: (Int) -> Void) -> [Double] {
        var samples = [[Double]](repeating: [], count: count)
        for round in 0...repeats {
            for index in 0..<count {
                let seconds = elapsed { body(index) }
                if round > 0 { samples[index].append(seconds) }
            }
        }
        return samples.map { Samples($0).median }
    }

    private func prompts(_ length: Int, _ mix: AdapterMix) -> StepBatch {
        let parts = max(mix.deltas.count, 1)
        var next: Int32 = 0
        let runs = (0..<parts).map { part in
            let tokens = length * part / parts..<length * (part + 1) / parts
            let count = Int32(blocks(tokens.count))
            defer { next += count }
            return StepBatch.Run(
                tokens: tokens, startPosition: 0, blocks: (next..<next + count).map { $0 },
                delta: mix.deltas.isEmpty ? nil : mix.deltas[part], logits: .last)
        }
        return StepBatch(tokens: prompt(length), runs: runs)
    }

    private func blocks(_ positions: Int) -> Int { (positions + KeyValueCache.blockTokens - 1) / KeyValueCache.blockTokens }

    /// Ids that vary; which ones does not change the time.
    private func prompt(_ length: Int) -> [Int32] { (0..<length).map { token($0) } }
    private func token(_ index: Int) -> Int32 { Int32((index * 7919 + 17) % decoder.configuration.vocabulary) }
}
