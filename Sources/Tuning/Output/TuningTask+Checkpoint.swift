import JSON
public import Models
public import Tensors

extension TuningTask {
    /// Where the examples of the next optimiser step begin after so many: each epoch ends with a shorter step.
    func cursor(afterSteps steps: Int) -> DataCursor {
        let perEpoch = (training.examples.count + settings.examples - 1) / settings.examples
        return DataCursor(epoch: steps / perEpoch, position: steps % perEpoch * settings.examples)
    }

    /// Forgets the step that is under way: its examples are drawn again.
    func rewind() { reader.move(to: cursor(afterSteps: step)) }

    /// The metadata of a checkpoint.
    func checkpointDocument(base: BaseIdentity, extra: JSONObject) -> JSONObject {
        [
            "version": .count(Checkpoint.version), "task": .string(name),
            "base": ["name": .string(base.name), "identity": .string(base.identity), "precision": .string(precision)],
            "data": ["training": Self.document(training), "held_out": Self.document(heldOut)],
            "start": startDigest.map { .string($0.hexadecimal) } ?? .null, "layout": .string(layoutDigest), "settings": .object(settings.document), "total_steps": .count(totalSteps),
            "progress": StoredProgress(self).document,
            "extra": .object(extra),
        ]
    }

    private static func document(_ set: ExampleSet) -> JSONValue {
        ["examples": .count(set.examples.count), "blake3": .string(set.digest.hexadecimal)]
    }

    /// Of the names and shapes of the trained tensors in the order of the buffers.
    private var layoutDigest: String {
        let lines = adapter.tensors.map { "\($0.checkpointName) \($0.rows) \($0.columns)" }
        return ContentDigest(of: lines.joined(separator: "\n")).hexadecimal
    }

    /// Goes on where a checkpoint stopped: from here on every step has the bits that it would have had without the interruption.
    ///
    /// The task is made with the same settings on the same data and base. Errors: `otherBase`, `changed` for other data and
    /// `invalidSetting` for other settings or another task, each with what differs; `malformed`, `noMemory`. The task is unchanged then, but
    /// for `malformed` and `noMemory`, after which it is not to be used.
    public func resume(
        from checkpoint: Checkpoint, base: BaseIdentity, weights: DecoderWeights, pool: WorkerPool
    ) throws(TuningError) {
        do throws(TuningError) {
            try checkOrigin(of: checkpoint, base)
        } catch {
            throw error.inFile(checkpoint.path)
        }
        let progress: StoredProgress
        do throws(JSONError) {
            progress = try StoredProgress(checkpoint.document["progress"], totalSteps: totalSteps)
        } catch {
            throw TuningError(.malformed, error.message, file: checkpoint.path, field: error.path)
        }
        guard progress.cursor == cursor(afterSteps: progress.step) else {
            throw TuningError(.malformed, "its place in the data is not that after \(progress.step) steps", file: checkpoint.path)
        }
        guard (progress.stopping.bestStep != nil) == (checkpoint.tensors[Checkpoint.bestName] != nil) else {
            throw TuningError(.malformed, "the best step and its parameters do not go together", file: checkpoint.path)
        }
        try checkpoint.read(Checkpoint.parametersName, into: adapter.parameters)
        for state in optimiser.states { try checkpoint.read(Checkpoint.momentName(state), into: state.buffer) }
        best = nil
        if progress.stopping.bestStep != nil {
            try keepBest()
            if let best { try checkpoint.read(Checkpoint.bestName, into: best) }
        }
        try take(progress)
        adapter.parametersChanged(weights, pool: pool)
    }

    private func take(_ progress: StoredProgress) throws(TuningError) {
        reader = try ExampleReader(reader.order, from: progress.cursor)
        stopping = try EarlyStopping(patience: stopping.patience, leastImprovement: stopping.leastImprovement, progress: progress.stopping)
        watch = try LossWatch(greatestLoss: watch.greatestLoss, patience: watch.patience, progress: progress.watch)
        clipping = try GradientGuard(
            maximumNorm: clipping.maximumNorm, mostSkips: clipping.mostSkips, skipCount: progress.skipCount,
            consecutiveSkipCount: progress.consecutiveSkipCount)
        (step, trainedTokens, finished) = (progress.step, progress.trainedTokens, progress.finished)
        owesEvaluation = progress.owesEvaluation
        optimiser.resume(at: progress.optimiserSteps)
    }

    // MARK: What must be the same

    private func checkOrigin(of checkpoint: Checkpoint, _ base: BaseIdentity) throws(TuningError) {
        let document = checkpoint.document
        guard checkpoint.task == name else {
            throw TuningError(.invalidSetting, "the checkpoint is of the task \(checkpoint.task), not of \(name)")
        }
        guard checkpoint.base.identity == base.identity else {
            throw TuningError(
                .otherBase,
                "the checkpoint was made on the base \(checkpoint.base.name) (\(checkpoint.base.identity)), this is \(base.name) (\(base.identity))")
        }
        let other = document["base"]["precision"].value?.stringValue ?? ""
        guard other == precision else {
            throw TuningError(.otherBase, "the checkpoint was made with the base's \(other) path, this is the \(precision) path")
        }
        for (set, key, what) in [(training, "training", "training"), (heldOut, "held_out", "held-out")] {
            let stored = document["data"][key]
            guard stored["blake3"].value?.stringValue == set.digest.hexadecimal else {
                let count = stored["examples"].value?.intValue ?? 0
                throw TuningError(
                    .changed,
                    "the \(what) examples are not those of the checkpoint: it has \(count), here are \(set.examples.count)"
                        + (count == set.examples.count ? " with other tokens" : ""))
            }
        }
        let changes = Self.differences(document["settings"].value ?? .null, .object(settings.document), "")
        guard changes.isEmpty else {
            throw TuningError(
                .invalidSetting, "the checkpoint was made with other settings: \(changes.prefix(8).joined(separator: "; "))")
        }
        guard document["start"].value?.stringValue == startDigest?.hexadecimal else {
            throw TuningError(.changed, "the adapter that the run began with is not that of the checkpoint: continue the same one")
        }
        guard document["layout"].value?.stringValue == layoutDigest else {
            throw TuningError(.unsupported, "the checkpoint has its parameters in another order: it was made by another version")
        }
    }

    /// `rates.learning_rate was 0.001, is 0.002`
    private static func differences(_ old: JSONValue, _ new: JSONValue, _ path: String) -> [String] {
        guard case .object(let before) = old, case .object(let after) = new else {
            return old == new ? [] : ["\(path) was \(old.serialized()), is \(new.serialized())"]
        }
        let keys = after.keys + before.keys.filter { after[$0] == nil }
        return keys.flatMap { key in
            differences(before[key] ?? .null, after[key] ?? .null, path.isEmpty ? key : "\(path).\(key)")
        }
    }
}
