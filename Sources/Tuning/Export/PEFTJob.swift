import Adapters
import Files
import JSON
public import Tokenizers

/// A tuning task as a folder that PEFT and TRL run (mixtures: MoE-PEFT), for machines with other hardware: the rows as tokens with their
/// targets, the settings, `train.py`, pinned requirements and the adapter's `route.yaml`. What `train.py` writes is an adapter's folder that serves.
///
/// Templates, cuts, the split of held-out rows and targets are decided before: both programs train on the same tokens. The start of A and
/// the order of rows are drawn by other generators, so that results differ as those of two seeds.
public struct PEFTJob: Sendable {
    public struct Base: Sendable {
        public var identity: BaseIdentity
        /// What `train.py` loads where it is given no other: a GGUF file or a folder of transformers.
        public var path: String
        /// Tokens.
        public var vocabulary: Int

        public init(_ identity: BaseIdentity, path: String, vocabulary: Int) {
            (self.identity, self.path, self.vocabulary) = (identity, path, vocabulary)
        }
    }

    let name: String
    let base: Base
    let settings: TaskSettings
    let data: PreparedData
    /// For `route.yaml`.
    let description: String
    let requests: [String]
    /// The folder of an adapter that is tuned further.
    let start: String?
    private let tokenizer: any Tokenizer

    /// Errors: `unsupported` for what these programs do not train alike: preferences of mixtures, LoRAMoE's balance, one of DPO's losses,
    /// answers of several turns.
    public init(
        _ name: String, base: Base, settings: TaskSettings, data: PreparedData, description: String, requests: [String], start: String?,
        tokenizer: any Tokenizer
    ) throws(TuningError) {
        self.name = name
        self.base = base
        self.settings = settings
        self.data = data
        self.description = description
        self.requests = requests
        self.start = start
        self.tokenizer = tokenizer
        if settings.recipe.family.isMixture {
            guard case .supervised = settings.objective else {
                throw TuningError(
                    .unsupported, "the job of a mixture learns answers alone; `lmoe tune` tunes it without --export", field: "objective")
            }
            guard settings.recipe.family != .loramoe || settings.recipe.balanceCoefficient == 0 else {
                throw TuningError(.unsupported, "MoE-PEFT does not have LoRAMoE's balance loss, expected 0", field: "balance")
            }
        }
        if case .dpo(let dpo) = settings.objective, dpo.loss == .conservative, dpo.labelSmoothing > 0 {
            throw TuningError(.unsupported, "TRL \(Self.trlVersion) does not compute it; robust is the form that it has", field: "loss")
        }
    }

    /// Writes the folder, which must not exist. Errors: `exists`, `io`, `unsupported` for an answer of several turns. Cost: O(tokens).
    public func write(to folder: String) throws(TuningError) {
        var files = [
            ("job.json", JSONValue.object(document).serialized(pretty: true) + "\n"), ("train.py", isMixture ? Self.mixtureScript : Self.script),
            ("requirements.txt", isMixture ? Self.mixtureRequirements : Self.requirements), ("README.md", isMixture ? mixtureGuide : guide),
            ("route.yaml", RouteFile.text(description: description, examples: requests)), ("train.jsonl", try lines(data.training)),
        ]
        if !data.heldOut.examples.isEmpty { files.append(("held_out.jsonl", try lines(data.heldOut))) }
        guard PathCheck.resolved(folder) == nil else {
            throw TuningError(.exists, "it already exists: name a folder that does not", file: folder)
        }
        do throws(FileError) {
            try Folder.create(folder)
        } catch {
            throw TuningError(.io, error.message, file: error.path)
        }
        for (name, text) in files {
            do throws(AdapterError) {
                try FolderCopy.write(Array(text.utf8), to: "\(folder)/\(name)")
            } catch {
                throw TuningError(error.code == .exists ? .exists : .io, error.message, file: "\(folder)/\(name)")
            }
        }
    }

    private var isMixture: Bool { settings.recipe.family.isMixture }

    // MARK: Rows

    /// A JSON document a line.
    private func lines(_ set: ExampleSet) throws(TuningError) -> String {
        var text = ""
        for (example, line) in zip(set.examples, set.lines) {
            do throws(TuningError) {
                text += JSONValue.object(try row(example, line)).serialized() + "\n"
            } catch {
                var error = error
                error.line = line
                throw error
            }
        }
        return text
    }

    private func row(_ example: TrainingExample, _ line: Int) throws(TuningError) -> JSONObject {
        switch example {
        case .supervised(let sequence):
            let labels = zip(sequence.tokens, sequence.isTarget).map { $0.1 ? $0.0 : -100 }
            return [
                "line": .count(line), "text": text(sequence.tokens[...]), "input_ids": Self.ids(sequence.tokens[...]),
                "labels": Self.ids(labels[...]),
            ]
        case .preference(let chosen, let rejected):
            let (good, bad) = (try parts(chosen), try parts(rejected))
            guard good.prompt == bad.prompt else {
                throw TuningError(.unsupported, "the chosen and the rejected answer have other tokens before them, which TRL cannot be given")
            }
            return [
                "line": .count(line), "prompt": text(good.prompt), "chosen": text(good.answer), "rejected": text(bad.answer),
                "prompt_ids": Self.ids(good.prompt), "chosen_ids": Self.ids(good.answer), "rejected_ids": Self.ids(bad.answer),
            ]
        case .labelled(let sequence, let isDesirable):
            let (prompt, answer) = try parts(sequence)
            return [
                "line": .count(line), "prompt": text(prompt), "completion": text(answer), "prompt_ids": Self.ids(prompt),
                "completion_ids": Self.ids(answer), "label": .bool(isDesirable),
            ]
        }
    }

    /// Tokens before the first target, and the rest.
    private func parts(_ sequence: TrainingSequence) throws(TuningError) -> (prompt: ArraySlice<Int32>, answer: ArraySlice<Int32>) {
        let first = sequence.isTarget.firstIndex(of: true) ?? sequence.tokens.count
        guard sequence.isTarget[first...].allSatisfy({ $0 }) else {
            throw TuningError(.unsupported, "an answer of several turns, with tokens between them that are not learnt: TRL learns all of it")
        }
        return (sequence.tokens[..<first], sequence.tokens[first...])
    }

    private func text(_ tokens: ArraySlice<Int32>) -> JSONValue { .string(tokenizer.decode(Array(tokens), skipSpecialTokens: false)) }

    private static func ids(_ tokens: ArraySlice<Int32>) -> JSONValue { .array(tokens.map { .integer(Int64($0)) }) }
}
