import Generation
import JSON

/// Files, jobs, events and checkpoints as OpenAI writes them.
enum FineTuningShape {
    static func file(_ file: FineTuningFile) -> JSONValue {
        var object: JSONObject = [
            "id": .string(file.id), "object": "file", "bytes": .integer(Int64(file.bytes)), "created_at": .integer(Int64(file.createdAt)),
            "filename": .string(file.name), "purpose": .string(file.purpose.rawValue), "status": "processed",
        ]
        if let time = file.expiresAt { object["expires_at"] = .integer(Int64(time)) }
        return .object(object)
    }

    /// - Parameter base: the base's name.
    static func job(_ job: FineTuningJob, base: String) -> JSONValue {
        let request = job.request
        var object: JSONObject = [
            "object": "fine_tuning.job", "id": .string(job.id), "created_at": .integer(Int64(job.createdAt)),
            "finished_at": integer(job.finishedAt), "model": .string(request.start ?? base),
            "fine_tuned_model": job.status == .succeeded ? .string(job.adapter) : .null, "organization_id": "lmoe",
            "status": .string(job.status.rawValue), "hyperparameters": hyperparameters(request, withBeta: false),
            "training_file": .string(request.trainingFile), "validation_file": request.validationFile.map(JSONValue.string) ?? .null,
            "result_files": .array(job.resultFiles.map(JSONValue.string)), "trained_tokens": integer(job.trainedTokens),
            "error": job.failure.map(failure) ?? .null, "seed": .integer(Int64(job.seed)),
            "estimated_finish": integer(job.estimatedFinish), "integrations": [],
        ]
        if let method = request.method {
            object["method"] = .object([
                "type": .string(method.rawValue),
                method.rawValue: ["hyperparameters": hyperparameters(request, withBeta: method == .dpo)],
            ])
        }
        object["metadata"] = request.metadata.map { pairs in
            .object(JSONObject(pairs.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        } ?? .null
        object["lmoe"] = [
            "adapter": .string(job.adapter), "paused": .bool(job.isPaused), "step": .integer(Int64(job.step)),
            "total_steps": integer(job.totalSteps),
            "settings": .object(JSONObject(request.settings.map { ($0.name, .string($0.value)) })),
        ]
        return .object(object)
    }

    private static func hyperparameters(_ request: FineTuningRequest, withBeta: Bool) -> JSONValue {
        let given = request.hyperparameters
        var object: JSONObject = [
            "batch_size": given.batchSize.map { .integer(Int64($0)) } ?? "auto",
            "learning_rate_multiplier": given.learningRateMultiplier.map(JSONValue.number) ?? "auto",
            "n_epochs": given.epochs.map { .integer(Int64($0)) } ?? "auto",
        ]
        if withBeta { object["beta"] = given.beta.map(JSONValue.number) ?? "auto" }
        return .object(object)
    }

    private static func failure(_ failure: FineTuningJob.Failure) -> JSONValue {
        [
            "code": .string(failure.code), "message": .string(failure.message), "param": failure.param.map(JSONValue.string) ?? .null,
        ]
    }

    static func event(_ event: FineTuningEvent) -> JSONValue {
        [
            "object": "fine_tuning.job.event", "id": .string(event.id), "created_at": .integer(Int64(event.createdAt)),
            "level": .string(event.level.rawValue), "message": .string(event.message), "type": .string(event.kind.rawValue),
            "data": .object(event.data),
        ]
    }

    static func checkpoint(_ checkpoint: FineTuningCheckpoint, job: String, adapter: String) -> JSONValue {
        var metrics: JSONObject = ["step": .integer(Int64(checkpoint.step))]
        if let loss = checkpoint.trainingLoss { metrics["train_loss"] = .number(loss) }
        if let loss = checkpoint.heldOutLoss { metrics["full_valid_loss"] = .number(loss) }
        let name = checkpoint.isResult ? adapter : "\(adapter):ckpt-step-\(checkpoint.step)"
        return [
            "object": "fine_tuning.job.checkpoint", "id": .string(checkpoint.id), "created_at": .integer(Int64(checkpoint.createdAt)),
            "fine_tuned_model_checkpoint": .string(name), "fine_tuning_job_id": .string(job),
            "metrics": .object(metrics), "step_number": .integer(Int64(checkpoint.step)),
        ]
    }

    /// - Parameter namesEnds: with `first_id` and `last_id`.
    static func list<Element>(
        _ page: FineTuningPage<Element>, namesEnds: Bool = false, _ shape: (Element) -> JSONValue
    ) -> JSONValue {
        let data = page.elements.map(shape)
        var object: JSONObject = ["object": "list", "data": .array(data)]
        if namesEnds {
            object["first_id"] = data.first?["id"] ?? .null
            object["last_id"] = data.last?["id"] ?? .null
        }
        object["has_more"] = .bool(page.hasMore)
        return .object(object)
    }

    private static func integer(_ value: Int?) -> JSONValue { value.map { .integer(Int64($0)) } ?? .null }
}
