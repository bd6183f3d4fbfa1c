import Generation
import JSON

/// OpenAI's bounds of a fine-tuning request.
enum FineTuningRequestBounds {
    /// Of metadata.
    static let pairs = 16
    static let keyCharacters = 64
    static let valueCharacters = 512
    static let suffixCharacters = 64
    static let batchSize = 1...256
    static let epochs = 1...50
    static let seed = 0...Int(Int32.max)
    /// Settings in `lmoe`.
    static let settings = 64
    static let settingBytes = 16 << 10
}

/// `POST /v1/fine_tuning/jobs`. Beside OpenAI's fields it takes `lmoe`: settings of `lmoe tune` by their names.
extension FineTuningRequest {
    private typealias Bounds = FineTuningRequestBounds

    private static let names: Set = [
        "model", "training_file", "validation_file", "hyperparameters", "method", "suffix", "seed", "metadata", "integrations", "lmoe",
    ]

    /// - Parameter start: the adapter that a name in `model` stands for; nil for the base. Errors: `modelNotFound`.
    init(
        _ cursor: JSONCursor, fields: FieldPolicy, start: (JSONCursor) throws(APIError) -> String?
    ) throws(APIError) {
        do {
            try fields.check(cursor, Self.names)
            let settings = try Self.settings(cursor["lmoe"])
            let (method, parameters) = try Self.method(cursor, settings, fields)
            self.init(
                model: try cursor["model"].name(), start: try start(cursor["model"]), trainingFile: try cursor["training_file"].name(),
                validationFile: try cursor["validation_file"].optionalName(), method: method,
                hyperparameters: try Self.hyperparameters(parameters, method, fields), hyperparametersPath: parameters.path,
                suffix: try Self.suffix(cursor["suffix"]), seed: try cursor["seed"].optionalInt(in: Bounds.seed),
                metadata: try Self.metadata(cursor["metadata"]), settings: settings)
            if let integrations = try cursor["integrations"].optionalArray(), !integrations.isEmpty {
                throw cursor["integrations"].invalid("this server reports to no other service; leave it out")
            }
        } catch let error as APIError {
            throw error
        } catch {
            throw APIError(reaching: error)
        }
    }

    /// The method, and where its hyperparameters stand. Without `method` it is supervised, unless `lmoe` names another objective.
    private static func method(
        _ cursor: JSONCursor, _ settings: [Setting], _ fields: FieldPolicy
    ) throws(JSONError) -> (Method?, JSONCursor) {
        let given = cursor["method"]
        guard given.exists else {
            let objective = settings.first { $0.name == "objective" }?.value.lowercased() ?? "sft"
            return (objective == "sft" ? .supervised : objective == "dpo" ? .dpo : nil, cursor["hyperparameters"])
        }
        if cursor["hyperparameters"].exists {
            throw cursor["hyperparameters"].invalid("they stand in `method` already; leave one of the two out")
        }
        try fields.check(given, ["type", "supervised", "dpo", "reinforcement"])
        let type = try given["type"].name()
        guard let method = Method(rawValue: type) else {
            let known = Method.allCases.map { "`\($0.rawValue)`" }.joined(separator: " or ")
            throw given["type"].invalid("expected \(known), found `\(type)`")
        }
        for other in ["supervised", "dpo", "reinforcement"] where other != type && given[other].exists {
            throw given[other].invalid("the method is `\(type)`; leave it out")
        }
        try fields.check(given[type].exists ? given[type] : JSONCursor([:]), ["hyperparameters"])
        return (method, given[type]["hyperparameters"])
    }

    private static func hyperparameters(
        _ cursor: JSONCursor, _ method: Method?, _ fields: FieldPolicy
    ) throws(JSONError) -> Hyperparameters {
        guard cursor.exists else { return Hyperparameters() }
        let own: Set = ["batch_size", "learning_rate_multiplier", "n_epochs"]
        try fields.check(cursor, method == .supervised ? own : own.union(["beta"]))
        func given(_ name: String) -> JSONCursor? { cursor[name].exists && cursor[name].value != "auto" ? cursor[name] : nil }
        let multiplier = try given("learning_rate_multiplier")?.double(in: 0...1e6)
        if multiplier == 0 { throw cursor["learning_rate_multiplier"].invalid("expected a number above 0") }
        let beta = try given("beta")?.double(in: 0...2)
        if beta == 0 { throw cursor["beta"].invalid("expected a number above 0, at most 2") }
        return Hyperparameters(
            batchSize: try given("batch_size")?.int(in: Bounds.batchSize), learningRateMultiplier: multiplier,
            epochs: try given("n_epochs")?.int(in: Bounds.epochs), beta: beta)
    }

    private static func suffix(_ cursor: JSONCursor) throws(JSONError) -> String? {
        guard let suffix = try cursor.optionalName() else { return nil }
        guard (1...Bounds.suffixCharacters).contains(suffix.count) else {
            throw cursor.invalid("expected 1 to \(Bounds.suffixCharacters) characters, found \(suffix.count)")
        }
        return suffix
    }

    private static func metadata(_ cursor: JSONCursor) throws(JSONError) -> [String: String]? {
        guard let members = try cursor.optionalObject() else { return nil }
        guard members.count <= Bounds.pairs else { throw cursor.invalid("\(members.count) pairs; at most \(Bounds.pairs) are taken") }
        var metadata: [String: String] = [:]
        for key in members.keys {
            guard key.utf8.count <= 4 * Bounds.keyCharacters, key.count <= Bounds.keyCharacters else {
                throw cursor.invalid("a key of more than \(Bounds.keyCharacters) characters")
            }
            let value = try cursor[key].string()
            guard value.utf8.count <= 4 * Bounds.valueCharacters, value.count <= Bounds.valueCharacters else {
                throw cursor[key].invalid("expected at most \(Bounds.valueCharacters) characters")
            }
            metadata[key] = value
        }
        return metadata
    }

    /// Values become the texts that flags would have: a list is joined with commas.
    private static func settings(_ cursor: JSONCursor) throws(JSONError) -> [Setting] {
        guard let members = try cursor.optionalObject() else { return [] }
        guard members.count <= Bounds.settings else { throw cursor.invalid("\(members.count) settings; at most \(Bounds.settings) are taken") }
        var settings: [Setting] = []
        for (key, value) in members where !value.isNull {
            try FieldPolicy.refuseLong(key, of: cursor)
            let text: String
            switch value {
            case .array(let elements): text = try elements.indices.map { (index) throws(JSONError) in try Self.text(cursor[key][index]) }.joined(separator: ",")
            default: text = try Self.text(cursor[key])
            }
            guard text.utf8.count <= Bounds.settingBytes else { throw cursor[key].invalid("expected at most \(Bounds.settingBytes) bytes") }
            settings.append(Setting(key, text))
        }
        return settings
    }

    private static func text(_ cursor: JSONCursor) throws(JSONError) -> String {
        switch cursor.value {
        case .string(let text): return text
        case .bool(let flag): return flag ? "true" : "false"
        case .integer(let number): return String(number)
        case .number(let number): return Int(exactly: number).map(String.init) ?? String(number)
        default: throw cursor.invalid("expected a text, a number or a boolean, found \(cursor.value?.kindName ?? "nothing")")
        }
    }
}
