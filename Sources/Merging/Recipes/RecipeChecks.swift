internal import MergeMethods

/// What the slices of a recipe have to fulfil for its method, as far as no model is needed.
struct RecipeChecks {
    let file: String
    let method: MergeMethod
    let parts: [RecipePart]
    let outerSettings: [RecipeSettings]

    func run() throws(MergeError) {
        for part in parts {
            try checkSources(part)
            try checkRequired(part)
            try checkLengths(part)
            if method == .della || method == .dellaLinear { try checkEpsilon(part) }
        }
    }

    private func checkSources(_ part: RecipePart) throws(MergeError) {
        var seen: Set<ModelReference> = []
        // mergekit's models are the keys of a dictionary. Up to 0.1.4 a model listed twice became one entry; 0.1.5 refuses it, in `models`
        // and in each slice.
        for source in part.sources where !seen.insert(source.model).inserted {
            throw error("\(source.model) is listed twice; list it once with the sum of its weights", source.line)
        }
        let base = part.baseIndex(method)
        if method.base != .ignored, let model = part.base, base == nil {
            throw error("the base model \(model) is not among the sources of the slice: add it", part.line)
        }
        if method.base == .required, base == nil { throw error("\(method.rawValue) needs a `base_model`", part.line) }
        let count = part.sources.count
        guard method.sourceCount.contains(count) else {
            let note = method.base == .ignored && part.sources.contains { $0.model == part.base } ? "; the `base_model` is one of them" : ""
            throw error("\(method.rawValue) merges \(method.sourceCount.words) models, the base included, and here are \(count)\(note)", part.line)
        }
        let changes = count - (base == nil ? 0 : 1)
        guard method.changeCount.contains(changes) else {
            throw error("\(method.rawValue) merges \(method.changeCount.words) models besides the base, and here are \(changes)", part.line)
        }
    }

    /// Values that no scope gives to any tensor. What filters leave without a value is found tensor by tensor.
    private func checkRequired(_ part: RecipePart) throws(MergeError) {
        let base = part.baseIndex(method)
        for parameter in method.parameters where parameter.standard == nil && !parameter.isOptional {
            if parameter.scope == .shared {
                guard hasValue(parameter, [part.settings] + outerSettings) else {
                    throw error("\(method.rawValue) needs `\(parameter.name)`: write it under `parameters`", part.line)
                }
                continue
            }
            for (index, source) in part.sources.enumerated() where parameter.scope == .source || index != base {
                guard hasValue(parameter, [source.settings, part.settings] + outerSettings) else {
                    throw error(
                        "\(method.rawValue) needs `\(parameter.name)` for \(source.model): write it under its `parameters`, "
                            + "or under those of the whole recipe", source.line)
                }
            }
        }
    }

    private func hasValue(_ parameter: MergeParameter, _ scopes: [RecipeSettings]) -> Bool {
        scopes.contains { $0[parameter.name]?.cases.contains { !$0.values.isEmpty } == true }
    }

    private func checkLengths(_ part: RecipePart) throws(MergeError) {
        guard let first = part.sources.first, let expected = first.layers?.count else { return }
        for source in part.sources {
            guard let found = source.layers?.count, found != expected else { continue }
            throw error(
                "\(source.model) gives \(found) layers and \(first.model) \(expected): all sources of a slice have to give the same number",
                source.line)
        }
    }

    /// della keeps an element with a probability between density - epsilon and density + epsilon.
    private func checkEpsilon(_ part: RecipePart) throws(MergeError) {
        let base = part.baseIndex(method)
        for (index, source) in part.sources.enumerated() where index != base {
            let scopes = [source.settings, part.settings] + outerSettings
            guard let density = constant("density", scopes), let epsilon = constant("epsilon", scopes), density > 0, density < 1 else { continue }
            guard density + epsilon < 1, density - epsilon > 0 else {
                throw error(
                    "\(source.model) has density \(density) and epsilon \(epsilon): \(method.rawValue) needs density - epsilon above 0 "
                        + "and density + epsilon below 1", source.line)
            }
        }
    }

    private func constant(_ name: String, _ scopes: [RecipeSettings]) -> Double? {
        method.constant(name, scopes)
    }

    private func error(_ message: String, _ line: Int) -> MergeError {
        MergeError(.invalidRecipe, message, file: "\(file):\(line)")
    }
}

extension MergeMethod {
    /// A parameter's value, where it is the same for all tensors and layers.
    func constant(_ name: String, _ scopes: [RecipeSettings]) -> Double? {
        if let setting = scopes.compactMap({ $0[name] }).first { return setting.constant }
        return parameters.first { $0.name == name }?.standard
    }
}

extension ClosedRange<Int> {
    /// For messages.
    fileprivate var words: String {
        if lowerBound == upperBound { return "exactly \(lowerBound)" }
        return upperBound == Int.max ? "at least \(lowerBound)" : "\(lowerBound) to \(upperBound)"
    }
}
