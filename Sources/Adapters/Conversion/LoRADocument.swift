package import JSON

/// `adapter_config.json` of a plain LoRA, from what each of its modules has.
package struct LoRADocument {
    package struct Module {
        package var path: String
        package var rank: Int
        /// The factor before `B A` is `alpha / rank`.
        package var alpha: Double

        package init(path: String, rank: Int, alpha: Double) {
            (self.path, self.rank, self.alpha) = (path, rank, alpha)
        }
    }

    let modules: [Module]
    var baseModelName: String?
    /// B has a bias.
    var hasBias = false
    /// aLoRA's tokens; empty: none.
    var invocation: [Int] = []
    /// Modules that the file has whole.
    var saved: [String] = []

    package init(modules: [Module], baseModelName: String?, hasBias: Bool = false, invocation: [Int] = [], saved: [String] = []) {
        self.modules = modules
        self.baseModelName = baseModelName
        self.hasBias = hasBias
        self.invocation = invocation
        self.saved = saved
    }

    /// The most common rank and alpha are the defaults; others are listed by the path of their module.
    package var json: JSONObject {
        let rank = Self.mostCommon(modules.map(\.rank)) ?? 1
        let alpha = Self.mostCommon(modules.map(\.alpha)) ?? 1
        let ranks = modules.filter { $0.rank != rank }.map { ($0.path, JSONValue.integer(Int64($0.rank))) }
        let alphas = modules.filter { $0.alpha != alpha }.map { ($0.path, Self.number($0.alpha)) }
        let tokens: JSONValue = invocation.isEmpty ? .null : .array(invocation.map { .integer(Int64($0)) })
        var document: JSONObject = [
            "alora_invocation_tokens": tokens, "alpha_pattern": .object(JSONObject(alphas)), "base_model_name_or_path": baseModelName.map(JSONValue.string) ?? .null,
            "bias": "none", "inference_mode": true, "lora_alpha": Self.number(alpha), "lora_bias": .bool(hasBias),
            "peft_type": "LORA", "r": .integer(Int64(rank)), "rank_pattern": .object(JSONObject(ranks)),
            "target_modules": .array(modules.map(\.path).sorted().map(JSONValue.string)), "task_type": "CAUSAL_LM",
        ]
        if !saved.isEmpty { document["modules_to_save"] = .array(saved.map(JSONValue.string)) }
        return document
    }

    private static func mostCommon<Value: Hashable & Comparable>(_ values: [Value]) -> Value? {
        var counts: [Value: Int] = [:]
        for value in values { counts[value, default: 0] += 1 }
        return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }

    private static func number(_ value: Double) -> JSONValue { Int64(exactly: value).map(JSONValue.integer) ?? .number(value) }
}
