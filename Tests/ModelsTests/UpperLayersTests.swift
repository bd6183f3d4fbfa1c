import Foundation
import JSON
import Tensors
import Testing

@testable import Models

@Suite("steps of the layers above a site") struct UpperLayersTests {
    /// A tiny model, a sequence, and the base's rows at a site.
    private final class Case {
        let model: TinyModel
        let files: ModelFiles
        let weights: DecoderWeights
        let pool = WorkerPool(threads: 2)
        let tokens: [Int32] = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2]
        let site: Int
        let trace: FeedForwardTrace

        var configuration: DecoderConfiguration { files.configuration }
        var hidden: Int { configuration.hidden }
        var rows: Int { tokens.count - 1 }
        var targets: [Int32] { Array(tokens.dropFirst()) }

        init(_ type: String, site: Int, precision: ModelPrecision = .reference) throws {
            model = try TinyModel(
                TinyModel.config(type, ["num_hidden_layers": 4, "sliding_window": type == "llama" ? .null : 5, "sliding_window_pattern": 3]))
            files = try ModelFiles.open(model.path)
            weights = try DecoderWeights(files, precision: precision, pool: pool)
            self.site = site
            trace = try FeedForwardTrace(layer: site, rows: tokens.count, files.configuration)
            let batch = StepBatch(
                tokens: tokens, runs: [.init(tokens: 0..<tokens.count, startPosition: 0, blocks: [0, 1], logits: .none)])
            let unused = FloatBuffer(count: 1)
            try StepWorkspace(weights, pool: pool).step(
                batch, cache: weights.makeCache(blocks: 2), logits: unused.pointer, feedForward: trace)
        }

        func prefix(_ capacity: Int) throws -> LayerPrefix { try LayerPrefix(above: site, capacity: capacity, configuration) }
        func upper() throws -> UpperLayers { try UpperLayers(weights, above: site, pool: pool, maximumRows: 64) }

        /// A prefix of the first rows.
        func prefix(of rows: Int, _ upper: UpperLayers) throws -> LayerPrefix {
            let prefix = try prefix(rows)
            try upper.extend(
                [.init(after: prefix, rows: rows)], residual: trace.residual.pointer, output: trace.output.pointer)
            return prefix
        }
    }

    private func array(_ buffer: FloatBuffer, _ count: Int) -> [Float] { Array(UnsafeBufferPointer(start: buffer.pointer, count: count)) }

    @Test("gradients of a branch are those of a step through all layers", arguments: [("llama", 1), ("llama", 3), ("gemma3_text", 1), ("qwen3", 0)])
    func branch(type: String, site: Int) throws {
        let own = try Case(type, site: site)
        var random = TinyModel.Random(seed: 3)
        let (hidden, rank, scale) = (own.hidden, 3, Float(0.7))
        let mean = random.floats(hidden, scale: 0.3)
        let adapter = try TrainableAdapter(
            own.configuration, TrainableForms(branches: [site: BranchForm(rank: rank, scale: scale, mean: FloatBuffer(mean))]))
        for index in 0..<adapter.parameters.count { adapter.parameters.pointer[index] = 0.5 * random.float() }
        adapter.parametersChanged(own.weights, pool: own.pool)
        let full = try TrainingWorkspace(own.weights, pool: own.pool, maximumRows: 64)
        let run = TrainingBatch.Run(tokens: own.tokens, isTarget: own.tokens.indices.map { $0 > 0 }, adapter: adapter)
        let expected = try full.forward(TrainingBatch(runs: [run]), differentiates: true)[0]
        let slopes = own.targets.indices.map { 1 - 0.1 * Float($0) }
        full.backward([slopes])

        let (a, b) = (Array(adapter.values(adapter.tensors[0])), Array(adapter.values(adapter.tensors[1])))
        let x = array(own.trace.input, own.rows * hidden)
        var shrunk = [Float](repeating: 0, count: own.rows * rank)
        let output = FloatBuffer(array(own.trace.output, own.rows * hidden))
        for row in 0..<own.rows {
            for r in 0..<rank {
                shrunk[row * rank + r] = (0..<hidden).reduce(Float(0)) { $0 + a[r * hidden + $1] * (x[row * hidden + $1] - mean[$1]) }
                for h in 0..<hidden { output.pointer[row * hidden + h] += scale * b[h * rank + r] * shrunk[row * rank + r] }
            }
        }
        let upper = try own.upper()
        let found = try upper.forward(
            [.init(after: own.prefix(0), rows: own.rows, targets: own.targets)], residual: own.trace.residual.pointer, output: output.pointer,
            differentiates: true)
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 2e-5 } && found.count == expected.count)
        let gradient = FloatBuffer(count: own.rows * hidden)
        upper.backward(slopes, into: gradient.pointer)
        var outer = [Float](repeating: 0, count: b.count)
        for row in 0..<own.rows {
            for h in 0..<hidden {
                for r in 0..<rank { outer[h * rank + r] += scale * gradient.pointer[row * hidden + h] * shrunk[row * rank + r] }
            }
        }
        #expect(relativeDifference(outer, Array(adapter.gradient(adapter.tensors[1]))) < 1e-4)
    }

    @Test("among all tokens of the vocabulary, probabilities and gradients are those over the vocabulary", arguments: ["llama", "gemma3_text"])
    func candidates(type: String) throws {
        let own = try Case(type, site: 1)
        let (upper, vocabulary) = (try own.upper(), own.configuration.vocabulary)
        // Two runs of the same rows, of which the second has targets at some rows alone.
        let some = [2, 3, 7]
        let runs = [
            UpperLayers.Run(after: try own.prefix(0), rows: own.rows, targets: own.targets),
            UpperLayers.Run(after: try own.prefix(0), rows: own.rows, targets: some.map { own.targets[$0] }, targetRows: some),
        ]
        let count = own.rows * own.hidden
        func twice(_ buffer: FloatBuffer) -> FloatBuffer { FloatBuffer(array(buffer, count) + array(buffer, count)) }
        let (residual, output) = (twice(own.trace.residual), twice(own.trace.output))
        let slopes = (0..<own.rows + 3).map { 1 - 0.07 * Float($0) }
        func gradient() -> [Float] {
            let gradient = FloatBuffer(count: 2 * count)
            upper.backward(slopes, into: gradient.pointer)
            return array(gradient, 2 * count)
        }
        let whole = try upper.forward(runs, residual: residual.pointer, output: output.pointer, differentiates: true)
        let expected = gradient()
        let all = (0..<Int32(vocabulary)).map { $0 }
        let among = try upper.forward(
            runs, residual: residual.pointer, output: output.pointer, candidates: [(1, all), (1, all)])
        #expect(zip(among, whole).allSatisfy { abs($0 - $1) < 2e-5 } && among.count == whole.count)
        #expect(relativeDifference(gradient(), expected) < 1e-4)

        // Of fewer tokens the probabilities are greater, and those of their sum.
        let few = Set(own.targets).union([0, 11]).sorted()
        let greater = try upper.forward(
            runs, residual: residual.pointer, output: output.pointer, candidates: [(2, few)])
        var sums = [Float](repeating: 0, count: own.rows)
        for token in few {
            let run = UpperLayers.Run(
                after: try own.prefix(0), rows: own.rows, targets: [Int32](repeating: token, count: own.rows))
            let found = try upper.forward([run], residual: residual.pointer, output: output.pointer, differentiates: false)
            for row in 0..<own.rows { sums[row] += exp(found[row]) }
        }
        for row in 0..<own.rows { #expect(abs(greater[row] - (whole[row] - log(sums[row]))) < 2e-5) }
    }

    @Test("rows after a prefix have the values of the whole sequence", arguments: [("llama", 1), ("gemma3_text", 0)])
    func prefixes(type: String, site: Int) throws {
        let own = try Case(type, site: site)
        let upper = try own.upper()
        let whole = try upper.forward(
            [.init(after: own.prefix(0), rows: own.rows, targets: own.targets)], residual: own.trace.residual.pointer,
            output: own.trace.output.pointer, differentiates: false)
        for first in [1, 7, 15] {
            // Half of the prefix is another's, which is copied.
            let (half, prefix) = (try own.prefix(of: first / 2, upper), try own.prefix(first))
            prefix.copy(half)
            let start = first / 2 * own.hidden
            try upper.extend(
                [.init(after: prefix, rows: first - first / 2)], residual: own.trace.residual.pointer + start,
                output: own.trace.output.pointer + start)
            #expect(prefix.positions == first)
            let rest = try upper.forward(
                [.init(after: prefix, rows: own.rows - first, targets: Array(own.targets.dropFirst(first)))],
                residual: own.trace.residual.pointer + first * own.hidden, output: own.trace.output.pointer + first * own.hidden,
                differentiates: false)
            #expect(zip(rest, whole.dropFirst(first)).allSatisfy { abs($0 - $1) < 1e-5 } && rest.count == own.rows - first)
        }
    }

    @Test("gradients after a prefix are those of differences", arguments: [("llama", 2), ("gemma3_text", 1)])
    func differences(type: String, site: Int) throws {
        let own = try Case(type, site: site)
        let (upper, hidden, first) = (try own.upper(), own.hidden, 6)
        let prefix = try own.prefix(of: first, upper)
        let rows = own.rows - first
        let output = FloatBuffer(Array(array(own.trace.output, own.rows * hidden).dropFirst(first * hidden)))
        // Two runs after one prefix: the second has half of the rows and no targets at its end.
        let runs = [
            UpperLayers.Run(after: prefix, rows: rows, targets: Array(own.targets.dropFirst(first))),
            UpperLayers.Run(after: prefix, rows: 4, targets: [7, 8]),
        ]
        let residual = FloatBuffer(
            Array(array(own.trace.residual, own.rows * hidden).dropFirst(first * hidden))
                + array(own.trace.residual, own.rows * hidden)[first * hidden..<(first + 4) * hidden])
        let both = FloatBuffer(array(output, rows * hidden) + array(output, 4 * hidden))
        func sum() throws -> Double {
            try upper.forward(runs, residual: residual.pointer, output: both.pointer, differentiates: true).reduce(0) { $0 + Double($1) }
        }
        _ = try sum()
        let gradient = FloatBuffer(count: (rows + 4) * hidden)
        upper.backward([Float](repeating: 1, count: rows + 2), into: gradient.pointer)
        let slope = array(gradient, (rows + 4) * hidden)
        let norm = slope.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(norm > 0 && slope.suffix(hidden).allSatisfy { $0 == 0 })
        var random = TinyModel.Random(seed: 5)
        let direction = slope.map { 0.7 * $0 / norm + random.float() / Float(slope.count).squareRoot() }
        func difference(_ step: Float) throws -> Double {
            for (index, value) in direction.enumerated() { both.pointer[index] += step * value }
            let above = try sum()
            for (index, value) in direction.enumerated() { both.pointer[index] -= 2 * step * value }
            let below = try sum()
            for (index, value) in direction.enumerated() { both.pointer[index] += step * value }
            return (above - below) / (2 * Double(step))
        }
        let found = try (4 * difference(0.02) - difference(0.04)) / 3
        let expected = zip(slope, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(found - expected) < 2e-3 * Double(norm), "differences \(found), gradient \(expected)")
    }

    @Test("the fast path agrees with the reference path within its rounding")
    func fast() throws {
        let (exact, fast) = (try Case("llama", site: 1), try Case("llama", site: 1, precision: .fast))
        func values(_ own: Case) throws -> [Float] {
            let upper = try own.upper()
            let prefix = try own.prefix(of: 5, upper)
            return try upper.forward(
                [.init(after: prefix, rows: 11, targets: Array(own.targets.dropFirst(5)))], residual: own.trace.residual.pointer + 5 * own.hidden,
                output: own.trace.output.pointer + 5 * own.hidden, differentiates: false)
        }
        #expect(zip(try values(exact), try values(fast)).allSatisfy { abs($0 - $1) < 0.15 })
    }

    @Test("an interruption stops a pass and leaves prefixes as they were")
    func interruption() throws {
        let own = try Case("llama", site: 0)
        let interruption = Interruption()
        let upper = try UpperLayers(own.weights, above: 0, pool: own.pool, maximumRows: 64, interruption: interruption)
        interruption.set()
        let prefix = try own.prefix(4)
        try upper.extend([.init(after: prefix, rows: 4)], residual: own.trace.residual.pointer, output: own.trace.output.pointer)
        #expect(upper.wasInterrupted && prefix.positions == 0)
    }
}
