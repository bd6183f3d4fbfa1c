internal import MergeMethods
internal import Tensors

/// Finds what mergekit does with a recipe and its author probably did not mean.
struct RecipeTraps {
    private let fields: RecipeFields
    private let method: MergeMethod
    private let models: [ModelReference]
    private(set) var warnings: [MergeWarning] = []

    init(_ fields: RecipeFields, method: MergeMethod, models: [ModelReference]) {
        self.fields = fields
        self.method = method
        self.models = models
        for part in fields.parts {
            findCancelledWeight(part)
            findBaseSettings(part)
            findDilution(part)
        }
        findErasedAdapters()
        findGradients()
        findBaseTokenizer()
    }

    private var isOfChanges: Bool { method.parameters.contains { $0.name == "lambda" } }

    private func scopes(_ part: RecipePart, _ source: RecipePart.Source? = nil) -> [RecipeSettings] {
        (source.map { [$0.settings] } ?? []) + [part.settings, fields.moduleSettings, fields.settings]
    }

    private mutating func warn(_ line: Int, _ message: String) {
        let warning = MergeWarning(line: line, message: message)
        if !warnings.contains(warning) { warnings.append(warning) }
    }

    /// A sum of one term, divided by its weight.
    private mutating func findCancelledWeight(_ part: RecipePart) {
        guard isOfChanges || method == .linear else { return }
        let base = part.baseIndex(method)
        let changes = part.sources.indices.filter { $0 != base }
        guard changes.count == 1, method.constant("normalize", scopes(part)) == 1 else { return }
        let source = part.sources[changes[0]]
        let weight = method.constant("weight", scopes(part, source))
        guard weight != 1 else { return }
        let line = source.parameterLines["weight"] ?? source.line
        if method == .linear {
            warn(line, "`weight` has no effect: `normalize` divides the only model by it; write `normalize: false` to scale the model.")
        } else if let weight, weight < 0 {
            warn(
                line,
                "The negative `weight` has no effect: `normalize` divides the only change by it, so that the change is added, not subtracted; "
                    + "write `normalize: false`.")
        } else {
            warn(line, "`weight` has no effect: `normalize` divides the only change by it; write `normalize: false`, or scale the change with `lambda`.")
        }
    }

    private mutating func findBaseSettings(_ part: RecipePart) {
        guard let base = part.baseIndex(method) else { return }
        let source = part.sources[base]
        let ignored = method.parameters.filter { $0.scope == .change && source.parameterLines[$0.name] != nil }
        guard let first = ignored.compactMap({ source.parameterLines[$0.name] }).min() else { return }
        let names = ignored.map { "`\($0.name)`" }.joined(separator: " and ")
        warn(
            first,
            "\(names) of the base model \(source.model) \(ignored.count == 1 ? "has" : "have") no effect: only changes against the base are "
                + "weighed; to weigh this model too, make another one the base.")
    }

    /// Adapters of a model that is a term too: each arrives at one part in as many as there are terms.
    private mutating func findDilution(_ part: RecipePart) {
        guard isOfChanges, method.constant("normalize", scopes(part)) == 1, let base = part.baseIndex(method) else { return }
        for (index, plain) in part.sources.enumerated() where index != base && plain.model.adapter == nil {
            let adapted = part.sources.filter { $0.model.adapter != nil && $0.model.model == plain.model.model }
            guard !adapted.isEmpty else { continue }
            let terms = part.sources.count - 1
            warn(
                plain.line,
                "\(adapted.count == 1 ? "The adapter" : "Each of the \(adapted.count) adapters") of \(plain.model) arrives at about 1/\(terms) of "
                    + "its strength, because \(plain.model) is one of \(terms) terms and `normalize` divides by them all; write "
                    + "`base_model: \(plain.model)` and leave it out of the others, with a `density` of 0.2 to 0.5."
            )
        }
    }

    private mutating func findErasedAdapters() {
        guard let dtype = fields.dtype, dtype != .f32, models.contains(where: { $0.adapter != nil }) else { return }
        let (name, bits) = dtype == .bf16 ? ("bfloat16", 9) : ("float16", 12)
        warn(
            fields.dtypeLine,
            "`dtype: \(name)` rounds models before they are merged, which erases an adapter's changes below 2^-\(bits) of a weight; "
                + "write `dtype: float32` and `out_dtype: \(name)`.")
    }

    /// Tensors outside layers are at the beginning of gradients, and each slice begins its own.
    private mutating func findGradients() {
        let outside = ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"]
        let settings = fields.parts.flatMap { part in part.sources.map(\.settings) + [part.settings] } + [fields.moduleSettings, fields.settings]
        let all = settings.flatMap { $0.map { (name: $0.key, setting: $0.value) } }.sorted { $0.setting.line < $1.setting.line }
        if let found = all.first(where: { item in outside.contains { item.setting.values(of: $0).map(Self.changes) ?? false } }) {
            warn(
                found.setting.line,
                "The gradient of `\(found.name)` ends at the last layer: embeddings, the last norm and lm_head have its first value; "
                    + "give them a value of their own with the filters `embed_tokens`, `model.norm` and `lm_head`.")
        }
        guard fields.parts.count > 1 else { return }
        let shared = [fields.moduleSettings, fields.settings].flatMap { $0.map { (name: $0.key, setting: $0.value) } }
            .sorted { $0.setting.line < $1.setting.line }
        if let found = shared.first(where: { item in item.setting.cases.contains { Self.changes($0.values) } }) {
            warn(
                found.setting.line,
                "The gradient of `\(found.name)` begins anew in each of the \(fields.parts.count) slices; "
                    + "for one gradient over all layers write its part into each slice.")
        }
    }

    private static func changes(_ values: [Double]) -> Bool { values.contains { $0 != values[0] } }

    private mutating func findBaseTokenizer() {
        guard let base = fields.base, fields.tokenizer == nil, fields.chatTemplate == nil,
            fields.parts.contains(where: { $0.sources.contains { $0.model.model != base.model.model } })
        else { return }
        warn(
            base.line,
            "config.json, tokenizer and chat template come from \(base.model), also when it is no chat model; for those of another model "
                + "write `tokenizer_source:` with its name, and `chat_template: auto` or a template.")
    }
}
