import JSON
public import Models
public import Tensors

/// Which base model a task was tuned on.
public struct BaseIdentity: Sendable, Equatable {
    /// As tools load it: the repository's name, or the file's.
    public var name: String
    /// `ModelFiles.identity`
    public var identity: String

    public init(name: String, identity: String) {
        self.name = name
        self.identity = identity
    }

    /// - Parameter name: as `adapter_config.json` gives it; nil: that of the files.
    public init(_ files: ModelFiles, name: String? = nil) { self.init(name: name ?? files.name, identity: files.identity) }
}

/// What an adapter's folder says about its origin beside what the task knows.
public struct TuningRecord: Sendable {
    /// A file of examples.
    public struct DataSource: Sendable, Equatable {
        /// Without the folders that lead to it, which mean nothing on another machine.
        public var name: String
        public var digest: ContentDigest
        public var rows: Int

        public init(name: String, digest: ContentDigest, rows: Int) {
            self.name = name
            self.digest = digest
            self.rows = rows
        }

        public init(_ file: DataFile) {
            self.init(
                name: file.path.split(separator: "/").last.map(String.init) ?? file.path, digest: file.digest,
                rows: file.rows.count + file.brokenCount)
        }

        var document: JSONValue { ["name": .string(name), "rows": .count(rows), "blake3": .string(digest.hexadecimal)] }
    }

    public var base: BaseIdentity
    /// What the adapter does, in a sentence: the router compares requests with it.
    public var description: String
    public var sources: [DataSource]
    /// Requests that the adapter is for, for the router.
    public var examples: [String]
    /// As the caller writes dates: 2026-11-28.
    public var date: String
    public var history: TuningHistory

    public init(
        base: BaseIdentity, description: String, sources: [DataSource], examples: [String] = [], date: String, history: TuningHistory
    ) {
        self.base = base
        self.description = description
        self.sources = sources
        self.examples = examples
        self.date = date
        self.history = history
    }

    /// `tuning.json`
    func document(_ task: TuningTask, element: AdapterFolderWriter.Element) -> JSONObject {
        [
            "format": 1, "task": .string(task.name), "date": .string(date),
            "base": ["name": .string(base.name), "identity": .string(base.identity)],
            "settings": .object(task.settings.document),
            "data": [
                "files": .array(sources.map(\.document)), "training_examples": .count(task.training.examples.count),
                "held_out_examples": .count(task.heldOut.examples.count), "training_blake3": .string(task.training.digest.hexadecimal),
                "held_out_blake3": .string(task.heldOut.digest.hexadecimal),
            ],
            "result": [
                "steps": .count(task.step), "total_steps": .count(task.totalSteps), "epochs": .number(task.epoch),
                "tokens": .count(task.trainedTokens), "skipped_steps": .count(task.clipping.skipCount),
                "finish_reason": task.finished.map { .string($0.rawValue) } ?? .null,
                "parameters": .count(task.adapter.parameters.count), "element": .string(element.rawValue),
                "weights_of_step": .count(task.resultStep), "held_out_loss": .optional(task.bestEvaluation?.loss),
                "base_held_out_loss": .optional(history.baseLoss), "training_loss": .optional(history.training.last?.loss),
            ],
            "losses": .object(history.document),
        ]
    }
}

extension TuningTask {
    /// The parameters that the adapter's folder gets: those with the lowest held-out loss, without a measurement the last.
    public var result: FloatBuffer { best ?? adapter.parameters }

    /// Steps after which `result` was reached.
    var resultStep: Int { best == nil ? step : bestEvaluation?.step ?? step }
}
