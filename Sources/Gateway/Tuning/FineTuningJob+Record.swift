import Generation
import JSON

/// Jobs as they are kept on disk.
extension FineTuningJob {
    var record: JSONObject {
        var record: JSONObject = [
            "created_at": .integer(Int64(createdAt)), "seed": .integer(Int64(seed)), "adapter": .string(adapter),
            "status": .string(status.rawValue), "paused": .bool(isPaused), "step": .integer(Int64(step)),
            "result_files": .array(resultFiles.map(JSONValue.string)), "request": .object(request.record),
        ]
        for (key, value) in [("finished_at", finishedAt), ("trained_tokens", trainedTokens), ("total_steps", totalSteps)] {
            if let value { record[key] = .integer(Int64(value)) }
        }
        if let failure {
            var error: JSONObject = ["code": .string(failure.code), "message": .string(failure.message)]
            if let param = failure.param { error["param"] = .string(param) }
            record["error"] = .object(error)
        }
        return record
    }

    init(_ id: String, _ record: JSONCursor) throws(JSONError) {
        guard let status = Status(rawValue: try record["status"].name()) else { throw record["status"].invalid("unknown status") }
        self.init(
            id: id, createdAt: try record["created_at"].int(), request: try FineTuningRequest(record: record["request"]),
            seed: try record["seed"].int(), adapter: try record["adapter"].name(), status: status)
        isPaused = try record["paused"].optionalBool() ?? false
        step = try record["step"].optionalInt() ?? 0
        finishedAt = try record["finished_at"].optionalInt()
        trainedTokens = try record["trained_tokens"].optionalInt()
        totalSteps = try record["total_steps"].optionalInt()
        resultFiles = try (record["result_files"].optionalArray() ?? []).map { (file) throws(JSONError) in try file.name() }
        let error = record["error"]
        if error.exists {
            failure = Failure(
                code: try error["code"].string(), message: try error["message"].string(), param: try error["param"].optionalString())
        }
    }
}

extension FineTuningRequest {
    fileprivate var record: JSONObject {
        var record: JSONObject = [
            "model": .string(model), "training_file": .string(trainingFile), "hyperparameters_path": .string(hyperparametersPath),
            "settings": .array(settings.map { [.string($0.name), .string($0.value)] }),
        ]
        let texts = [("start", start), ("validation_file", validationFile), ("method", method?.rawValue), ("suffix", suffix)]
        for (key, value) in texts { if let value { record[key] = .string(value) } }
        let integers = [("seed", seed), ("batch_size", hyperparameters.batchSize), ("n_epochs", hyperparameters.epochs)]
        for (key, value) in integers { if let value { record[key] = .integer(Int64(value)) } }
        let numbers = [("learning_rate_multiplier", hyperparameters.learningRateMultiplier), ("beta", hyperparameters.beta)]
        for (key, value) in numbers { if let value { record[key] = .number(value) } }
        if let metadata {
            record["metadata"] = .object(JSONObject(metadata.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        }
        return record
    }

    fileprivate init(record: JSONCursor) throws(JSONError) {
        var metadata: [String: String]?
        if let members = try record["metadata"].optionalObject() {
            var pairs: [String: String] = [:]
            for key in members.keys { pairs[key] = try record["metadata"][key].string() }
            metadata = pairs
        }
        self.init(
            model: try record["model"].string(), start: try record["start"].optionalName(),
            trainingFile: try record["training_file"].name(), validationFile: try record["validation_file"].optionalName(),
            method: try record["method"].optionalName().flatMap(Method.init),
            hyperparameters: Hyperparameters(
                batchSize: try record["batch_size"].optionalInt(),
                learningRateMultiplier: try record["learning_rate_multiplier"].optionalDouble(),
                epochs: try record["n_epochs"].optionalInt(), beta: try record["beta"].optionalDouble()),
            hyperparametersPath: try record["hyperparameters_path"].string(), suffix: try record["suffix"].optionalName(),
            seed: try record["seed"].optionalInt(), metadata: metadata,
            settings: try record["settings"].array().map { (pair) throws(JSONError) in
                Setting(try pair[0].string(), try pair[1].string())
            })
    }
}
