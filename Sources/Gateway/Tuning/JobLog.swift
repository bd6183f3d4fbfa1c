internal import Files
import Generation
import JSON
import OpenAIAPI

/// What happened in one job, kept as lines of JSON: events for clients, and figures of steps for the file of results.
///
/// A value that its owner guards. Lines that cannot be read, such as one that a power cut left, are skipped.
struct JobLog {
    private(set) var events: [FineTuningEvent] = []
    private(set) var checkpoints: [FineTuningCheckpoint] = []
    private var trainingLoss: Double?
    private var heldOutLoss: Double?
    private let folder: String
    private let limits: FineTuningLimits

    private static let fileBytes = 64 << 20
    /// Kept free for messages, which matter more than figures.
    private static let reservedEvents = 64

    init(folder: String, limits: FineTuningLimits) {
        self.folder = folder
        self.limits = limits
    }

    /// Of an earlier run. Errors: the file cannot be read.
    static func read(folder: String, limits: FineTuningLimits) throws(FileError) -> JobLog {
        var log = JobLog(folder: folder, limits: limits)
        for line in try lines("\(folder)/events.jsonl") {
            if let event = FineTuningEvent(line), log.events.count < limits.events { log.events.append(event) }
            if let checkpoint = FineTuningCheckpoint(line) { log.keep(checkpoint) }
        }
        return log
    }

    // MARK: Writing

    /// - Parameter isLast: of the job; it is kept in any case.
    mutating func note(_ event: FineTuningEvent, isLast: Bool = false) throws(FileError) {
        let room = limits.events - events.count
        if room <= 0 {
            guard isLast, !events.isEmpty else { return }
            events.removeLast()
        }
        events.append(event)
        try append(event.line, to: "events.jsonl")
    }

    /// An event of a step, where the run is not too long for one.
    mutating func note(_ step: TuningProgress.Step, id: String, at time: Int) throws(FileError) {
        trainingLoss = step.loss
        let isResult = Self.isDue(step.step, of: step.totalSteps, most: limits.resultRows)
        if isResult {
            var line: JSONObject = [
                "step": .integer(Int64(step.step)), "loss": .figure(step.loss), "rate": .figure(step.learningRate),
                "tokens": .integer(Int64(step.tokens)),
            ]
            if let accuracy = step.accuracy { line["accuracy"] = .figure(accuracy) }
            try append(line, to: "steps.jsonl")
        }
        guard events.count < limits.events - Self.reservedEvents,
            Self.isDue(step.step, of: step.totalSteps, most: limits.stepEvents)
        else { return }
        var data: JSONObject = [
            "step": .integer(Int64(step.step)), "total_steps": .integer(Int64(step.totalSteps)), "train_loss": .figure(step.loss),
            "learning_rate": .figure(step.learningRate), "epoch": .figure(step.epoch),
        ]
        if let accuracy = step.accuracy { data["train_accuracy"] = .figure(accuracy) }
        let skipped = step.gradientNorm == nil ? ", left out: a gradient was not finite" : ""
        try note(
            FineTuningEvent(
                id: id, createdAt: time, level: skipped.isEmpty ? .info : .warn,
                message: "Step \(step.step)/\(step.totalSteps): training loss=\(Self.short(step.loss))\(skipped)", kind: .metrics, data: data))
    }

    mutating func noteHeldOut(step: Int, totalSteps: Int, loss: Double, id: String, at time: Int) throws(FileError) {
        heldOutLoss = loss
        try append(["step": .integer(Int64(step)), "held_out_loss": .figure(loss)], to: "steps.jsonl")
        guard events.count < limits.events - Self.reservedEvents else { return }
        try note(
            FineTuningEvent(
                id: id, createdAt: time, message: "Step \(step)/\(totalSteps): full validation loss=\(Self.short(loss))", kind: .metrics,
                data: ["step": .integer(Int64(step)), "total_steps": .integer(Int64(totalSteps)), "full_valid_loss": .figure(loss)]))
    }

    /// - Parameter lowest: of a result, its held-out loss.
    mutating func noteCheckpoint(step: Int, isResult: Bool = false, lowest: Double? = nil, id: String, at time: Int) throws(FileError) {
        func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
        let checkpoint = FineTuningCheckpoint(
            id: id, createdAt: time, step: step, isResult: isResult, trainingLoss: isResult ? nil : finite(trainingLoss),
            heldOutLoss: finite(isResult ? lowest : heldOutLoss))
        keep(checkpoint)
        try append(checkpoint.line, to: "events.jsonl")
    }

    /// One of the same step stands for an earlier one, which an interruption undid.
    private mutating func keep(_ checkpoint: FineTuningCheckpoint) {
        checkpoints.removeAll { checkpoint.isResult ? $0.step == checkpoint.step : $0.step >= checkpoint.step }
        checkpoints.append(checkpoint)
        if checkpoints.count > limits.checkpoints { checkpoints.removeFirst() }
    }

    private func append(_ line: JSONObject, to name: String) throws(FileError) {
        try DurableFile.append(JSONValue.object(line).serializedBytes() + [0x0A], to: "\(folder)/\(name)")
    }

    // MARK: Results

    /// CSV, a row a step: of a step that was computed again after an interruption, the last time. Columns that do not apply are empty.
    /// Errors: the figures cannot be read.
    static func results(folder: String) throws(FileError) -> [UInt8] {
        var rows: [Int: [String: Double]] = [:]
        for line in try lines("\(folder)/steps.jsonl") {
            guard let step = line["step"]?.intValue else { continue }
            for key in ["loss", "accuracy", "held_out_loss", "rate", "tokens"] {
                if let value = line[key]?.doubleValue { rows[step, default: [:]][key] = value }
            }
        }
        // OpenAI's columns, then ours.
        var text = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy,learning_rate,tokens\n"
        for (step, row) in rows.sorted(by: { $0.key < $1.key }) {
            func cell(_ key: String) -> String { row[key].map { "\($0)" } ?? "" }
            let tokens = row["tokens"].map { String(Int($0)) } ?? ""
            text += "\(step),\(cell("loss")),\(cell("accuracy")),\(cell("held_out_loss")),,\(cell("rate")),\(tokens)\n"
        }
        return Array(text.utf8)
    }

    private static func lines(_ path: String) throws(FileError) -> [JSONObject] {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try RegularFile.contents(path, limitBytes: fileBytes, links: .refuse)
        } catch where error.code == .notFound {
            return []
        }
        return bytes.split(separator: 0x0A).compactMap { line in
            guard case .success(.object(let object)) = Result(catching: { () throws(JSONError) in try JSONValue.parse(Array(line), maxDepth: 8) })
            else { return nil }
            return object
        }
    }

    /// Whether a step is one of at most `most` that are spread over the run.
    private static func isDue(_ step: Int, of total: Int, most: Int) -> Bool {
        let interval = max(1, (total + most - 1) / max(1, most))
        return step % interval == 0 || step == total
    }

    private static func short(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1e9 else { return "\(value)" }
        return "\((value * 1e4).rounded() / 1e4)"
    }
}

extension JSONValue {
    /// JSON has no NaN and no infinity.
    fileprivate static func figure(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }
}

extension FineTuningEvent {
    fileprivate var line: JSONObject {
        [
            "event": .string(id), "at": .integer(Int64(createdAt)), "level": .string(level.rawValue), "message": .string(message),
            "kind": .string(kind.rawValue), "data": .object(data),
        ]
    }

    fileprivate init?(_ line: JSONObject) {
        guard let id = line["event"]?.stringValue, let time = line["at"]?.intValue, let message = line["message"]?.stringValue,
            let level = line["level"]?.stringValue.flatMap(Level.init), let kind = line["kind"]?.stringValue.flatMap(Kind.init)
        else { return nil }
        self.init(id: id, createdAt: time, level: level, message: message, kind: kind, data: line["data"]?.objectValue ?? [:])
    }
}

extension FineTuningCheckpoint {
    fileprivate var line: JSONObject {
        var line: JSONObject = [
            "checkpoint": .string(id), "at": .integer(Int64(createdAt)), "step": .integer(Int64(step)), "result": .bool(isResult),
        ]
        if let trainingLoss { line["train_loss"] = .number(trainingLoss) }
        if let heldOutLoss { line["held_out_loss"] = .number(heldOutLoss) }
        return line
    }

    fileprivate init?(_ line: JSONObject) {
        guard let id = line["checkpoint"]?.stringValue, let time = line["at"]?.intValue, let step = line["step"]?.intValue else { return nil }
        self.init(
            id: id, createdAt: time, step: step, isResult: line["result"]?.boolValue ?? false, trainingLoss: line["train_loss"]?.doubleValue,
            heldOutLoss: line["held_out_loss"]?.doubleValue)
    }
}
