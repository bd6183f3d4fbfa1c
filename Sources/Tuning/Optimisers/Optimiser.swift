public import Tensors

/// The optimiser of one adapter: the moments of its tensors and the number of steps.
///
///     optimiser.beginStep(scheduleFactor: schedule.factor(step), gradientScale: scale)
///     for index in optimiser.tensors.indices { optimiser.update(index, weights[index], gradients[index]) }
///
/// A step allocates nothing, and its result does not depend on the threads that update the tensors.
///
/// `@unchecked Sendable`: one thread begins a step; between two begins any threads may update different tensors, whose moments are
/// disjoint (`OptimiserTests` updates on several). State is read and written between steps.
public final class Optimiser: @unchecked Sendable {
    public enum Method: Sendable, Equatable {
        case adamW(AdamW)
        case adafactor
    }

    /// Moments of one kind, of all tensors one after the other.
    public struct State: Sendable {
        /// The name in torch's state: `exp_avg`, `exp_avg_sq`, `exp_avg_sq_row`, `exp_avg_sq_col`.
        public let name: String
        public let buffer: FloatBuffer
    }

    public let method: Method
    public let tensors: [TrainedTensor]
    /// All that a checkpoint keeps beside `stepCount`. Zero before the first step.
    public let states: [State]
    /// Steps that were begun.
    public private(set) var stepCount = 0

    /// For each tensor: where its moments begin in each of `states`. A tensor without moments of a kind has an empty range there.
    private let offsets: [[Int]]
    private var scheduleFactor = 0.0
    private var gradientScale = 1.0

    /// Throws `noMemory`.
    public init(_ method: Method, tensors: [TrainedTensor]) throws(TuningError) {
        self.method = method
        self.tensors = tensors
        let names =
            switch method {
            case .adamW: ["exp_avg", "exp_avg_sq"]
            case .adafactor: ["exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq"]
            }
        var counts = Array(repeating: 0, count: names.count)
        var offsets: [[Int]] = []
        for tensor in tensors {
            offsets.append(counts)
            for (index, count) in Self.stateCounts(method, tensor.shape).enumerated() { counts[index] += count }
        }
        self.offsets = offsets
        var states: [State] = []
        for (name, count) in zip(names, counts) {
            do throws(ResourceError) {
                states.append(State(name: name, buffer: try FloatBuffer(count, for: "the optimiser's \(name)")))
            } catch {
                throw TuningError(.noMemory, error.message)
            }
        }
        self.states = states
    }

    private static func stateCounts(_ method: Method, _ shape: TrainedTensor.Shape) -> [Int] {
        switch (method, shape) {
        case (.adamW, _): [shape.count, shape.count]
        case (.adafactor, .vector(let count)): [0, 0, count]
        case (.adafactor, .matrix(let rows, let columns)): [rows, columns, 0]
        }
    }

    /// Starts the next step. `scheduleFactor` is multiplied with every group's learning rate, `gradientScale` with every gradient.
    public func beginStep(scheduleFactor: Double, gradientScale: Double = 1) {
        stepCount += 1
        self.scheduleFactor = scheduleFactor
        self.gradientScale = gradientScale
    }

    /// Continues after a checkpoint's steps; the caller has written its `states`.
    public func resume(at stepCount: Int) {
        precondition(stepCount >= 0, "\(stepCount) steps")
        self.stepCount = stepCount
    }

    /// Updates one tensor in place. `weights` and `gradients` have its shape's count; the gradients stay as they are.
    public func update(_ index: Int, _ weights: UnsafeMutablePointer<Float>, _ gradients: UnsafePointer<Float>) {
        precondition(stepCount > 0, "no step was begun")
        let tensor = tensors[index]
        let rate = tensor.group.learningRate * scheduleFactor
        let decay = tensor.group.weightDecay
        switch (method, tensor.shape) {
        case (.adamW(let adam), let shape):
            AdamW.update(
                weights, gradients, first: state(0, index), second: state(1, index), count: shape.count,
                adam.factors(step: stepCount, rate: rate, weightDecay: decay, gradientScale: gradientScale))
        case (.adafactor, .vector(let count)):
            Adafactor.update(
                weights, gradients, squares: state(2, index), count: count,
                Adafactor.factors(step: stepCount, rate: rate, weightDecay: decay, gradientScale: gradientScale))
        case (.adafactor, .matrix(let rows, let columns)):
            Adafactor.update(
                weights, gradients, rowSquares: state(0, index), columnSquares: state(1, index), rows: rows, columns: columns,
                Adafactor.factors(step: stepCount, rate: rate, weightDecay: decay, gradientScale: gradientScale))
        }
    }

    private func state(_ kind: Int, _ tensor: Int) -> UnsafeMutablePointer<Float> {
        states[kind].buffer.pointer + offsets[tensor][kind]
    }
}
