import Foundation
import Models
import Tensors
import Testing

@testable import Tuning

@Suite struct BranchGradientTests {
    /// A tiny base with branches.
    private struct Case {
        let fixture: GradientFixture
        let weights: DecoderWeights
        let adapter: TrainableAdapter
        let workspace: TrainingWorkspace
        let pool = WorkerPool(threads: 2)

        init(_ name: String, layers: Range<Int>, hasMean: Bool) throws {
            fixture = try GradientFixture(name)
            weights = try DecoderWeights(fixture.model, precision: .reference, pool: pool)
            var random = SeededFloats(seed: 5, stream: 0)
            let mean = FloatBuffer((0..<fixture.model.configuration.hidden).map { _ in 0.3 * random.symmetric() })
            var forms = TrainableForms()
            for layer in layers { forms.branches[layer] = BranchForm(rank: 3, scale: 0.7, mean: hasMean ? mean : nil) }
            adapter = try TrainableAdapter(fixture.model.configuration, forms)
            for index in 0..<adapter.parameters.count { adapter.parameters.pointer[index] = 0.5 * random.symmetric() }
            adapter.parametersChanged(weights, pool: pool)
            workspace = try TrainingWorkspace(weights, pool: pool, maximumRows: 64)
        }

        func forward() throws -> [[Float]] {
            let runs = (0..<fixture.sequences).map {
                TrainingBatch.Run(tokens: fixture.tokens($0), isTarget: fixture.isTarget($0), adapter: adapter)
            }
            return try workspace.forward(TrainingBatch(runs: runs), differentiates: true)
        }

        /// The sum of log-probabilities with the parameters of a tensor moved.
        func sum(_ tensor: ParameterTensor, _ direction: [Float], _ step: Float) throws -> Double {
            let values = adapter.values(tensor)
            let before = Array(values)
            for index in values.indices { values[index] += step * direction[index] }
            adapter.parametersChanged(weights, pool: pool)
            defer {
                for index in values.indices { values[index] = before[index] }
                adapter.parametersChanged(weights, pool: pool)
            }
            return try forward().joined().reduce(0) { $0 + Double($1) }
        }
    }

    @Test("gradients of branches are those of differences", arguments: [("plain", false), ("plain", true), ("gemma", true)])
    func differences(name: String, hasMean: Bool) throws {
        let own = try Case(name, layers: 0..<2, hasMean: hasMean)
        own.workspace.backward(try own.forward().map { $0.map { _ in 1 } })
        var random = SeededFloats(seed: 9, stream: 1)
        #expect(own.adapter.tensors.count == 4)
        for tensor in own.adapter.tensors {
            let gradient = Array(own.adapter.gradient(tensor))
            let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(norm > 0)
            // Along the gradient, and along it with noise of the same size.
            let along = gradient.map { $0 / norm }
            let noise = along.map { 0.7 * $0 + random.symmetric() / Float(along.count).squareRoot() }
            for direction in [along, noise] {
                // Richardson's extrapolation: its error falls with the fourth power of the step.
                func difference(_ step: Float) throws -> Double {
                    (try own.sum(tensor, direction, step) - own.sum(tensor, direction, -step)) / (2 * Double(step))
                }
                let found = (try 4 * difference(0.02) - difference(0.04)) / 3
                let expected = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
                #expect(
                    abs(found - expected) < 1e-3 * Double(norm), "\(tensor.checkpointName): differences \(found), gradient \(expected)")
            }
        }
    }

    @Test("a branch in training answers as the branch that serves")
    func serves() throws {
        let own = try Case("plain", layers: 1..<2, hasMean: false)
        let hidden = own.fixture.model.configuration.hidden
        let (a, b) = (Array(own.adapter.values(own.adapter.tensors[0])), Array(own.adapter.values(own.adapter.tensors[1])))
        let transposed = (0..<3 * hidden).map { b[$0 % hidden * 3 + $0 / hidden] }
        let branch = try LowRank(a: a, transposedB: transposed, rank: 3, inputs: hidden, outputs: hidden, scale: 0.7, element: .f32)
        let delta = AdapterDelta(layers: own.fixture.model.configuration.layers, branches: [nil, BranchPatch(branch)])
        let (tokens, vocabulary) = (own.fixture.tokens(2), own.fixture.model.configuration.vocabulary)
        let logits = FloatBuffer(count: tokens.count * vocabulary)
        let run = StepBatch.Run(tokens: 0..<tokens.count, startPosition: 0, blocks: [0, 1], delta: delta, logits: .all)
        try StepWorkspace(own.weights, pool: own.pool).step(
            StepBatch(tokens: tokens, runs: [run]), cache: try own.weights.makeCache(blocks: 2), logits: logits.pointer)
        let all = TrainingBatch.Run(tokens: tokens, isTarget: tokens.indices.map { $0 > 0 }, adapter: own.adapter)
        let trained = try own.workspace.forward(TrainingBatch(runs: [all]), differentiates: false)[0]
        for place in tokens.indices.dropFirst() {
            let row = UnsafeBufferPointer(start: logits.pointer + (place - 1) * vocabulary, count: vocabulary).map(Double.init)
            let served = row[Int(tokens[place])] - log(row.reduce(0) { $0 + exp($1) })
            #expect(abs(served - Double(trained[place - 1])) < 2e-5)
        }
    }
}
