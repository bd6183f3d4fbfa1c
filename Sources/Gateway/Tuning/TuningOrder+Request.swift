internal import Adapters
import Generation
import OpenAIAPI
import Tuning

extension TuningOrder {
    /// Paths that the settings of a request stand for.
    struct Paths {
        var training: String
        var validation: String?
        /// Of the adapter that is tuned further.
        var start: String?
        /// The adapters folder.
        var adapters: String
    }

    /// Settings that a client does not choose, and what it uses instead.
    private static let refused: [TaskSetting: String] = [
        .data: "the data are the file in `training_file`", .heldOut: "held-out rows are the file in `validation_file`",
        .out: "the adapter is named with `suffix`", .start: "the adapter that is tuned further is named with `model`",
    ]

    /// Errors: `invalidRequest` that names the field.
    init(_ job: FineTuningJob, _ paths: Paths) throws(APIError) {
        let texts = try Self.texts(job, paths)
        do throws(TuningError) {
            plan = try TaskPlan(job.adapter, texts)
        } catch {
            throw APIError(.invalidRequest, "`\(error.field ?? "lmoe")`: \(error.message)", param: error.field ?? "lmoe")
        }
        self.job = job.id
        folder = "\(paths.adapters)/\(job.adapter)"
        isBegun = job.totalSteps != nil
    }

    private static func texts(_ job: FineTuningJob, _ paths: Paths) throws(APIError) -> SettingTexts {
        let request = job.request
        var texts = SettingTexts()
        func give(_ setting: TaskSetting, _ text: String?, _ place: String) throws(APIError) {
            guard let text else { return }
            if let other = texts.entries[setting] {
                throw APIError(.invalidRequest, "`\(place)`: contradicts `\(other.place)`; leave one of the two out", param: place)
            }
            texts.entries[setting] = .init(text, place: place)
        }
        try give(.data, paths.training, "training_file")
        try give(.heldOut, paths.validation, "validation_file")
        try give(.start, paths.start, "model")
        let given = request.hyperparameters
        let path = request.hyperparametersPath
        try give(.epochs, given.epochs.map(String.init), "\(path).n_epochs")
        try give(.batch, given.batchSize.map(String.init), "\(path).batch_size")
        try give(.beta, given.beta.map { String($0) }, "\(path).beta")
        try give(.rate, given.learningRateMultiplier.map { String($0 * rate(request.method)) }, "\(path).learning_rate_multiplier")
        for setting in request.settings {
            let place = "lmoe.\(setting.name)"
            guard let known = TaskSetting(named: setting.name) else {
                let names = TaskSetting.allCases.filter { refused[$0] == nil }.map(\.rawValue).joined(separator: ", ")
                throw APIError(.invalidRequest, "`\(place)`: no such setting; known are \(names)", param: place)
            }
            if let instead = refused[known] { throw APIError(.invalidRequest, "`\(place)`: not taken here; \(instead)", param: place) }
            if known == .seed, request.seed != nil {
                throw APIError(.invalidRequest, "`\(place)`: contradicts `seed`; leave one of the two out", param: place)
            }
            try give(known, setting.value, place)
        }
        try giveObjective(request.method, to: &texts)
        if texts.entries[.seed] == nil { texts.entries[.seed] = .init(String(job.seed), place: "seed") }
        return texts
    }

    /// The method is an objective; one in `lmoe` must agree.
    private static func giveObjective(_ method: FineTuningRequest.Method?, to texts: inout SettingTexts) throws(APIError) {
        guard let method else { return }
        let name = method == .supervised ? "sft" : "dpo"
        if let other = texts.entries[.objective], other.text.lowercased() != name {
            throw APIError(.invalidRequest, "`\(other.place)`: contradicts `method`, which is `\(method.rawValue)`", param: other.place)
        }
        texts.entries[.objective] = .init(name, place: "method.type")
    }

    /// What `learning_rate_multiplier` multiplies: the standard of `lmoe tune`.
    private static func rate(_ method: FineTuningRequest.Method?) -> Double { method == .supervised ? 5e-4 : 5e-5 }
}
