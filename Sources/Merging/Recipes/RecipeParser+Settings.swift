internal import MergeMethods

extension RecipeParser {
    /// The settings that the method knows, and the lines of all. `model`: whose they are; nil outside sources.
    mutating func settings(
        _ node: RecipeNode, in model: ModelReference?
    ) throws(MergeError) -> (known: RecipeSettings, lines: [String: Int]) {
        guard let entries = node.mapping else { throw error("`parameters` has to be a mapping of names to values", node.line) }
        var known: RecipeSettings = [:]
        var lines: [String: Int] = [:]
        for entry in entries {
            lines[entry.key] = entry.line
            guard let parameter = method.parameters.first(where: { $0.name == entry.key }) else {
                warnUnknown(entry)
                continue
            }
            known[entry.key] = try setting(entry, parameter)
            if parameter.scope == .shared, let model {
                warn(
                    entry.line,
                    "`\(entry.key)` has one value for all models, and this one, given to \(model) alone, has no effect: "
                        + "write it under the `parameters` of the whole recipe.")
            }
        }
        return (known, lines)
    }

    private mutating func warnUnknown(_ entry: RecipeNode.Entry) {
        guard !Self.topKeys.contains(entry.key) else {
            return warn(entry.line, "`\(entry.key)` has no effect under `parameters`: write it beside `merge_method`.")
        }
        let names = method.parameters.map(\.name)
        guard !names.isEmpty else {
            return warn(entry.line, "`\(entry.key)` has no effect: \(method.rawValue) has no parameters; delete it.")
        }
        let nearest = NearestKey.of(entry.key, among: names)
        warn(entry.line, "`\(entry.key)` has no effect: \(method.rawValue) has no such parameter; the nearest that it has is `\(nearest)`.")
    }

    /// A value, a gradient, a case with a filter, or a list of such cases.
    private func setting(_ entry: RecipeNode.Entry, _ parameter: MergeParameter) throws(MergeError) -> RecipeSetting {
        var result = RecipeSetting(cases: [], line: entry.line)
        switch entry.value.content {
        case .scalar:
            result.cases = [.init(values: [try value(entry.value, parameter)])]
        case .mapping:
            result.cases = [try filtered(entry.value, parameter)]
        case .list(let list) where list.contains(where: { $0.mapping != nil }):
            for node in list {
                guard node.mapping != nil else {
                    throw error("`\(parameter.name)` mixes values and filters in one list; write the value as {value: ...}", node.line)
                }
                result.cases.append(try filtered(node, parameter))
            }
        case .list(let list):
            result.cases = [.init(values: try gradient(list, parameter))]
        }
        return result
    }

    private func filtered(_ node: RecipeNode, _ parameter: MergeParameter) throws(MergeError) -> RecipeSetting.Case {
        let entries = try fields(node, ["filter", "value"], of: "a case of `\(parameter.name)`")
        guard let entry = entries["value"] else { throw error("a case of `\(parameter.name)` has to have a `value`", node.line) }
        var result = RecipeSetting.Case(values: [])
        if let list = entry.value.list {
            result.values = try gradient(list, parameter)
        } else {
            result.values = [try value(entry.value, parameter)]
        }
        if let filter = entries["filter"] {
            guard let text = filter.value.text else { throw error("`filter` has to be a part of the names of tensors", filter.line) }
            result.filter = text
        }
        return result
    }

    private func gradient(_ list: [RecipeNode], _ parameter: MergeParameter) throws(MergeError) -> [Double] {
        var values: [Double] = []
        for node in list { values.append(try value(node, parameter)) }
        return values
    }

    private func value(_ node: RecipeNode, _ parameter: MergeParameter) throws(MergeError) -> Double {
        guard let scalar = node.scalar else {
            throw error("a value of `\(parameter.name)` has to be \(parameter.kind.words), a list of them, or a list of {filter, value}", node.line)
        }
        guard let value = scalar.value(parameter.kind) else {
            throw error("`\(parameter.name)` has to be \(parameter.kind.words), not `\(node.text ?? "nothing")`", node.line)
        }
        if let bounds = Self.bounds(parameter.name, method), !bounds.contains(value) {
            throw error("`\(parameter.name): \(value)` is out of range: from \(bounds.lowerBound) to \(bounds.upperBound)", node.line)
        }
        return value
    }

    /// Where other values have no meaning. Nil: every number has one.
    private static func bounds(_ name: String, _ method: MergeMethod) -> ClosedRange<Double>? {
        switch name {
        case "density", "gamma", "epsilon", "select_topk": 0...1
        // Beyond them, slerp goes on along the arc.
        case "t" where method == .nearswap: 0...Double.greatestFiniteMagnitude
        case "max_iter": 1...1e6
        case "tol", "eps": 0...Double.greatestFiniteMagnitude
        default: nil
        }
    }
}

extension MergeParameter.Kind {
    /// For messages.
    var words: String {
        switch self {
        case .number: "a finite number"
        case .flag: "true or false"
        case .count: "a whole number"
        }
    }
}
