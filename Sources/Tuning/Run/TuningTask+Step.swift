import Models
import Tensors

extension TuningTask {
    /// The examples of the next optimiser step: fewer at the end of an epoch.
    func drawExamples() -> [TrainingExample] {
        var drawn: [TrainingExample] = []
        repeat { drawn.append(training.examples[reader.next()]) } while drawn.count < settings.examples && reader.cursor.position > 0
        return drawn
    }

    /// Clips the gradients and updates the parameters with them. Errors: `nonFinite`, `diverged`.
    func apply(_ done: TaskStep, _ weights: DecoderWeights, _ pool: WorkerPool) throws(TuningError) -> StepReport {
        let factor = schedule.factor(step)
        step += 1
        trainedTokens += done.tokens
        try watch.record(done.loss)
        var norm: Double?
        if case .apply(let scale, let value) = try clipping.judge(
            sumOfSquares: GradientNorm.sumOfSquares(adapter.gradients.pointer, adapter.gradients.count))
        {
            norm = value
            optimiser.beginStep(scheduleFactor: factor, gradientScale: scale)
            let (optimiser, tensors) = (optimiser, adapter.tensors)
            let (parameters, gradients) = (adapter.parameters.pointer, adapter.gradients.pointer)
            pool.run { thread in
                for index in stride(from: thread, to: tensors.count, by: pool.threads) {
                    optimiser.update(index, parameters + tensors[index].offset, gradients + tensors[index].offset)
                }
            }
            adapter.parametersChanged(weights, pool: pool)
        }
        return StepReport(
            task: name, step: step, totalSteps: totalSteps, epoch: epoch, loss: done.loss, gradientNorm: norm,
            learningRate: settings.rates.rate * factor, tokens: done.tokens, metrics: done.metrics)
    }

    /// Epochs that are over, with the share of this one.
    var epoch: Double { Double(reader.cursor.epoch) + Double(reader.cursor.position) / Double(training.examples.count) }

    var isEvaluationDue: Bool {
        if let interval = settings.evaluationInterval { return step % interval == 0 }
        return reader.cursor.position == 0
    }

    /// Remembers the parameters as the best so far. Errors: `noMemory`.
    func keepBest() throws(TuningError) {
        if best == nil {
            do throws(ResourceError) {
                best = try FloatBuffer(adapter.parameters.count, for: "the best parameters so far")
            } catch {
                throw TuningError(.noMemory, error.message)
            }
        }
        best?.pointer.update(from: adapter.parameters.pointer, count: adapter.parameters.count)
    }
}

extension TuningError {
    /// With the task's name before the message.
    func named(_ task: String) -> TuningError {
        var named = self
        named.message = "\(task): \(message)"
        return named
    }
}
