internal import MergeMethods
internal import Tensors

/// Reads a recipe's tree into fields; unknown keys are refused, and what has no effect is noted.
struct RecipeParser {
    let file: String
    let root: RecipeNode
    let method: MergeMethod
    private(set) var warnings: [MergeWarning] = []
    /// Models with the places that name them.
    private var mentions: [(line: Int, column: Int, model: ModelReference)] = []

    init(_ root: RecipeNode, file: String) throws(MergeError) {
        self.file = file
        self.root = root
        guard let entries = root.mapping else {
            throw MergeError(.invalidRecipe, "a recipe is a mapping with `merge_method` and `models` or `slices`", file: "\(file):\(root.line)")
        }
        guard let entry = entries.first(where: { $0.key == "merge_method" }), let name = entry.value.text else {
            throw MergeError(.invalidRecipe, "`merge_method` is missing; write one of \(Self.methodNames)", file: file)
        }
        guard let method = MergeMethod(rawValue: name) else {
            let nearest = NearestKey.of(name, among: MergeMethod.allCases.map(\.rawValue))
            let problem = Self.others.contains(name) ? "mergekit's method `\(name)` is not implemented here" : "unknown method `\(name)`"
            throw MergeError(.invalidRecipe, "\(problem); the nearest is `\(nearest)`. All: \(Self.methodNames)", file: "\(file):\(entry.line)")
        }
        self.method = method
    }

    /// mergekit's methods that no recipe may ask for here.
    private static let others: Set<String> = ["ram", "ramplus_tl"]
    private static let methodNames = MergeMethod.allCases.map(\.rawValue).joined(separator: ", ")
    static let topKeys = [
        "models", "slices", "modules", "merge_method", "base_model", "dtype", "out_dtype", "tokenizer_source", "tokenizer", "chat_template",
        "parameters", "name",
    ]

    /// Of a slice. A merge holds a tensor of each in memory.
    static let mostSources = 256

    /// Each model once, in the order of the file.
    var models: [ModelReference] {
        var seen: Set<ModelReference> = []
        return mentions.sorted { ($0.line, $0.column) < ($1.line, $1.column) }.map(\.model).filter { seen.insert($0).inserted }
    }

    mutating func parse() throws(MergeError) -> RecipeFields {
        let entries = try fields(root, Self.topKeys, of: "a recipe")
        var result = RecipeFields()
        if let entry = entries["base_model"] { result.base = .init(model: try model(entry.value), line: entry.line) }
        if let entry = entries["parameters"] { result.settings = try settings(entry.value, in: nil).known }
        if let entry = entries["name"] { warn(entry.line, "`name` has no effect in a recipe that is merged alone: delete it.") }
        if let entry = entries["dtype"] { (result.dtype, result.dtypeLine) = (try dtype(entry), entry.line) }
        if let entry = entries["out_dtype"] { result.outDtype = try dtype(entry) }
        if let entry = entries["chat_template"] { result.chatTemplate = try string(entry) }
        switch (entries["tokenizer_source"], entries["tokenizer"]) {
        case (nil, nil): break
        case (let source?, nil): result.tokenizer = .init(source: try tokenizerSource(source.value), line: source.line)
        case (nil, let whole?): result.tokenizer = try tokenizer(whole)
        case (let source?, let whole?):
            throw error("`tokenizer_source` and `tokenizer` exclude each other: write `source:` inside `tokenizer`", max(source.line, whole.line))
        }
        let contents = ["models", "slices", "modules"].compactMap { entries[$0] }
            .filter { $0.value.list?.isEmpty != true && $0.value.mapping?.isEmpty != true }
        guard contents.count == 1, let content = contents.first else {
            let line = contents.map(\.line).max() ?? root.line
            throw error("write exactly one of `models`, `slices` and `modules`; there are \(contents.count)", line)
        }
        if content.key == "modules" {
            (result.parts, result.moduleSettings) = try module(content, base: result.base?.model)
        } else {
            result.parts = try parts(content, base: result.base?.model)
        }
        return result
    }

    // MARK: Slices

    private mutating func module(
        _ entry: RecipeNode.Entry, base: ModelReference?
    ) throws(MergeError) -> (parts: [RecipePart], settings: RecipeSettings) {
        guard let modules = entry.value.mapping else { throw error("`modules` has to be a mapping of names to slices or models", entry.line) }
        guard modules.count == 1, let module = modules.first else {
            let names = modules.prefix(8).map { "`\($0.key)`" }.joined(separator: ", ")
            throw error("`modules` names \(names); only text decoders are merged, and they are one module", entry.line)
        }
        let entries = try fields(module.value, ["slices", "models", "parameters"], of: "a module")
        let contents = ["slices", "models"].compactMap { entries[$0] }.filter { $0.value.list?.isEmpty != true }
        guard contents.count == 1, let content = contents.first else {
            throw error("write either `slices` or `models` in module `\(module.key)`", module.line)
        }
        let settings = try entries["parameters"].map { entry throws(MergeError) in try self.settings(entry.value, in: nil).known } ?? [:]
        return (try parts(content, base: base), settings)
    }

    /// Of `models` or `slices`.
    private mutating func parts(_ entry: RecipeNode.Entry, base: ModelReference?) throws(MergeError) -> [RecipePart] {
        guard let list = entry.value.list else { throw error("`\(entry.key)` has to be a list", entry.line) }
        if entry.key == "slices" {
            var parts: [RecipePart] = []
            for node in list { parts.append(try slice(node, base: base)) }
            return parts
        }
        var sources: [RecipePart.Source] = []
        try checkCount(list, entry.line)
        for node in list { sources.append(try source(node, ["model", "parameters"], of: "a model")) }
        // Whatever the method makes of a base, as mergekit does.
        if let base, !sources.contains(where: { $0.model == base }) { sources.append(.init(model: base, line: entry.line)) }
        return [RecipePart(base: base, sources: sources, line: entry.line)]
    }

    private mutating func slice(_ node: RecipeNode, base: ModelReference?) throws(MergeError) -> RecipePart {
        let entries = try fields(node, ["sources", "base_model", "residual_weight", "parameters"], of: "a slice")
        guard let list = entries["sources"]?.value.list, !list.isEmpty else {
            throw error("a slice has to have a list of `sources`", entries["sources"]?.line ?? node.line)
        }
        try checkCount(list, entries["sources"]?.line ?? node.line)
        if let entry = entries["residual_weight"] {
            warn(entry.line, "`residual_weight` has no effect, here as in mergekit: delete it.")
        }
        var part = RecipePart(base: base, sources: [], line: node.line)
        if let entry = entries["base_model"] { part.base = try model(entry.value) }
        for node in list {
            part.sources.append(try source(node, ["model", "layer_range", "parameters"], of: "a source"))
        }
        if let entry = entries["parameters"] { part.settings = try settings(entry.value, in: nil).known }
        return part
    }

    private func checkCount(_ list: [RecipeNode], _ line: Int) throws(MergeError) {
        guard list.count <= Self.mostSources else {
            throw MergeError(.limitExceeded, "\(list.count) models; at most \(Self.mostSources) are merged into one", file: "\(file):\(line)")
        }
    }

    private mutating func source(_ node: RecipeNode, _ keys: [String], of kind: String) throws(MergeError) -> RecipePart.Source {
        let entries = try fields(node, keys, of: kind)
        guard let entry = entries["model"] else { throw error("\(kind) has to have a `model`", node.line) }
        var source = RecipePart.Source(model: try model(entry.value), line: entry.line)
        if keys.contains("layer_range") {
            guard let entry = entries["layer_range"] else { throw error("a source has to have a `layer_range` such as [0, 16]", node.line) }
            source.layers = try layers(entry)
        }
        if let entry = entries["parameters"] {
            let read = try settings(entry.value, in: source.model)
            (source.settings, source.parameterLines) = (read.known, read.lines)
        }
        return source
    }

    private func layers(_ entry: RecipeNode.Entry) throws(MergeError) -> Range<Int> {
        let bounds = entry.value.list?.compactMap { $0.scalar?.count } ?? []
        guard bounds.count == 2, entry.value.list?.count == 2 else {
            throw error("`layer_range` has to be two whole numbers: the first layer, and the one after the last", entry.line)
        }
        guard bounds[0] >= 0, bounds[0] < bounds[1] else {
            throw error(
                "`layer_range: [\(bounds[0]), \(bounds[1])]` has no layers: it goes from the first layer to the one after the last, "
                    + "counted from 0", entry.line)
        }
        return bounds[0]..<bounds[1]
    }

    // MARK: Values

    func error(_ message: String, _ line: Int) -> MergeError {
        MergeError(.invalidRecipe, message, file: "\(file):\(line)")
    }

    mutating func warn(_ line: Int, _ message: String) { warnings.append(.init(line: line, message: message)) }

    mutating func note(_ model: ModelReference, _ node: RecipeNode) { mentions.append((node.line, node.column, model)) }

    /// A mapping's entries by key; those without a value are left out.
    func fields(_ node: RecipeNode, _ known: [String], of kind: String) throws(MergeError) -> [String: RecipeNode.Entry] {
        guard let entries = node.mapping else {
            throw error("\(kind) has to be a mapping with \(known.map { "`\($0)`" }.joined(separator: ", "))", node.line)
        }
        var result: [String: RecipeNode.Entry] = [:]
        for entry in entries {
            guard known.contains(entry.key) else {
                throw error("\(kind) has no key `\(entry.key)`; \(advice(entry.key, known))", entry.line)
            }
            if !entry.value.isNull { result[entry.key] = entry }
        }
        return result
    }

    private func advice(_ key: String, _ known: [String]) -> String {
        if known.contains("parameters"), method.parameters.contains(where: { $0.name == key }) { return "write it under `parameters`" }
        if known.contains("model"), key == "revision" { return "write `model: path@revision`" }
        return "the nearest that is known is `\(NearestKey.of(key, among: known))`"
    }

    func string(_ entry: RecipeNode.Entry) throws(MergeError) -> String {
        guard let text = entry.value.text, !text.isEmpty else { throw error("`\(entry.key)` has to be a text", entry.line) }
        return text
    }

    private func dtype(_ entry: RecipeNode.Entry) throws(MergeError) -> DType {
        let text = try string(entry)
        switch text.hasPrefix("torch.") ? String(text.dropFirst(6)) : text {
        case "float32": return .f32
        case "float16": return .f16
        case "bfloat16": return .bf16
        default: throw error("`\(entry.key): \(text)` is not possible; write float32, float16 or bfloat16", entry.line)
        }
    }
}
