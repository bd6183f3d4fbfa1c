public import Models
public import Tensors

/// Tunes tasks together, keeps checkpoints of them, and writes the adapter of each that ends. Tasks come and go between rounds.
///
/// Isolation: one thread at a time. Nothing is printed: `tell` gets what happened.
public final class TuningRun {
    public struct Options: Sendable {
        /// Replaces an adapter's folder that is there.
        public var replaces: Bool
        /// Optimiser steps of a task between checkpoints; 0: there are none between.
        public var checkpointSteps: Int

        /// As `TuningSession.recomputes`.
        public var recomputes: Bool?

        public init(replaces: Bool = false, checkpointSteps: Int = 100, recomputes: Bool? = nil) {
            self.replaces = replaces
            self.checkpointSteps = checkpointSteps
            self.recomputes = recomputes
        }
    }

    public typealias Tell = (TuningRunEvent) -> Void

    /// For measurements. A caller that steps it directly gets no checkpoints and no adapters' folders.
    public let session: TuningSession
    private let base: BaseIdentity
    private let pool: WorkerPool
    private let options: Options
    private let baseWeights: BaseWeights?
    private var entries: [Entry] = []

    /// A task that the run holds.
    private struct Entry {
        let own: PreparedTask
        let task: TuningTask
        var history: TuningHistory
        /// The base was measured, and there is a checkpoint.
        var isBegun: Bool
    }

    /// - Parameter baseWeights: with which folders are loaded before they get their names; nil: those of DoRA and IA³ are not.
    public init(
        base: BaseIdentity, weights: DecoderWeights, pool: WorkerPool, options: Options = Options(), baseWeights: BaseWeights? = nil,
        interruption: Interruption = Interruption()
    ) {
        self.baseWeights = baseWeights
        self.base = base
        self.pool = pool
        self.options = options
        session = TuningSession(weights, pool: pool, interruption: interruption)
        session.recomputes = options.recomputes
    }

    /// Set by any thread, it makes a round stop in the middle, with every task at the end of its last whole step.
    public var interruption: Interruption { session.interruption }

    /// Tasks that the run holds.
    public var tasks: [TuningTask] { entries.map(\.task) }

    /// The losses of a task that the run holds.
    public func history(_ name: String) -> TuningHistory? { entries.first { $0.task.name == name }?.history }

    // MARK: Tasks come and go

    /// Takes a task in, from its newest checkpoint where it has one. Nothing is computed or written before the next round.
    /// Errors: those of `TuningTask.init`, `TuningTask.resume` and `TuningSession.add`; `exists` for a second task of that name.
    @discardableResult
    public func add(_ own: PreparedTask) throws(TuningError) -> TuningTask {
        guard !entries.contains(where: { $0.task.name == own.name }) else {
            throw TuningError(.exists, "a task of that name is tuned already", field: own.name)
        }
        let task = try TuningTask(
            own.name, settings: own.settings, training: own.data.training, heldOut: own.data.heldOut, weights: session.weights, pool: pool,
            continuing: own.start)
        if let checkpoint = own.checkpoints.newest {
            try task.resume(from: checkpoint, base: base, weights: session.weights, pool: pool)
        }
        let history = try own.checkpoints.history(own.name)
        try session.add(task)
        entries.append(Entry(own: own, task: task, history: history, isBegun: own.checkpoints.newest != nil))
        return task
    }

    /// Writes a checkpoint of a task and lets go of it. `add` with that checkpoint goes on with the bits of a task that was left alone.
    /// Errors: `io`; the task is let go of as well, and the checkpoint before is there.
    public func suspend(_ name: String, _ tell: Tell) throws(TuningError) {
        guard let entry = entries.first(where: { $0.task.name == name }) else { return }
        defer { letGo(entry.task) }
        // One that did not begin has nothing to keep.
        if entry.isBegun { try save(entry, tell) }
    }

    /// Lets go of a task and deletes its checkpoints. Errors: `io`.
    public func cancel(_ name: String) throws(TuningError) {
        guard let entry = entries.first(where: { $0.task.name == name }) else { return }
        letGo(entry.task)
        try entry.own.checkpoints.remove()
    }

    private func letGo(_ task: TuningTask) {
        session.remove(task)
        entries.removeAll { $0.task === task }
    }

    // MARK: Rounds

    /// One micro-batch of each task, with the checkpoints, measurements and adapters' folders that are due then. A task that cannot go on
    /// is let go of; the others are not disturbed. Errors: those that are of no task; `interrupted` after `interruption` was set.
    public func advance(_ tell: Tell) throws(TuningError) {
        for entry in entries where !entry.isBegun { try begin(entry.task, tell) }
        for entry in entries { if let reason = entry.task.finished { finish(entry.task, reason, tell) } }
        let before = session.tasks
        var events: [TuningEvent] = []
        var failure: TuningError?
        do throws(TuningError) {
            try session.advance { events.append($0) }
        } catch {
            failure = error
        }
        let lost = before.filter { task in !session.tasks.contains { $0 === task } }
        for event in events { note(event, tell) }
        for case .step(let report) in events { saveIfDue(report, tell) }
        guard let failure else { return }
        // Not of a task: the run cannot go on.
        guard !lost.isEmpty else { throw failure }
        for task in lost { fail(task, failure, tell) }
    }

    /// Measures the base's held-out loss, with which the adapter's is compared, and writes the first checkpoint: a disk without room is found
    /// now, and a run that is killed has a start.
    private func begin(_ task: TuningTask, _ tell: Tell) throws(TuningError) {
        guard let index = entries.firstIndex(where: { $0.task === task }) else { return }
        do throws(TuningError) {
            if !task.heldOut.examples.isEmpty {
                let settings = task.settings
                let (loss, _) = try session.evaluate(task.heldOut, settings.objective, adapter: nil, settings.microBatchTokens)
                entries[index].history.baseLoss = loss
            }
            try entries[index].own.checkpoints.begin()
            try save(entries[index], tell)
            entries[index].isBegun = true
        } catch where error.code == .interrupted {
            throw error
        } catch {
            fail(task, error, tell)
        }
    }

    private func note(_ event: TuningEvent, _ tell: Tell) {
        for index in entries.indices { entries[index].history.record(event) }
        tell(.progress(event))
        guard case .finished(let name, let reason) = event, let entry = entries.first(where: { $0.task.name == name }) else { return }
        finish(entry.task, reason, tell)
    }

    private func save(_ entry: Entry, _ tell: Tell) throws(TuningError) {
        let file = try entry.own.checkpoints.save(entry.task, base, entry.history)
        tell(.checkpoint(task: entry.task.name, step: entry.task.step, file: file))
    }

    /// A task whose checkpoint cannot be written ends.
    private func saveIfDue(_ report: StepReport, _ tell: Tell) {
        guard options.checkpointSteps > 0, report.step % options.checkpointSteps == 0,
            let entry = entries.first(where: { $0.task.name == report.task })
        else { return }
        do throws(TuningError) {
            try save(entry, tell)
        } catch {
            fail(entry.task, error, tell)
        }
    }

    // MARK: Ends

    /// Writes the task's adapter, and lets go of the task.
    private func finish(_ task: TuningTask, _ reason: FinishReason, _ tell: Tell) {
        guard let entry = entries.first(where: { $0.task === task }) else { return }
        let (own, history) = (entry.own, entry.history)
        do throws(TuningError) {
            let writer = AdapterFolderWriter(element: own.element, replaces: options.replaces, base: baseWeights)
            try writer.write(task, own.record(base, history), to: own.folder)
        } catch {
            var failure = error
            failure.message += kept(entry)
            return fail(task, failure, tell)
        }
        tell(
            .written(
                TaskResult(
                    task: task.name, folder: own.folder, steps: task.step, tokens: task.trainedTokens,
                    trainingLoss: history.training.last?.loss, heldOutLoss: task.bestEvaluation?.loss, baseLoss: history.baseLoss,
                    bestStep: task.bestEvaluation?.step, finish: reason)))
        letGo(task)
        do throws(TuningError) {
            try own.checkpoints.remove()
        } catch {
            tell(.warning(task: task.name, "its checkpoints are of no more use and could not be deleted: \(error)"))
        }
    }

    /// Keeps the result of a task whose folder could not be written. Returns what to tell of it.
    private func kept(_ entry: Entry) -> String {
        do throws(TuningError) {
            try entry.own.checkpoints.save(entry.task, base, entry.history)
            return "; the result is kept in \(entry.own.checkpoints.folder.path): when that is put right, --resume writes the adapter"
        } catch {
            return "; nor could the result be kept: \(error). --resume goes on from the last checkpoint"
        }
    }

    private func fail(_ task: TuningTask, _ error: TuningError, _ tell: Tell) {
        tell(.failed(task: task.name, error))
        letGo(task)
    }
}
