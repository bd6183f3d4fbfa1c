extension TensorMerge {
    /// The merge with all values in place.
    func checked() throws(MergeError) -> CheckedMerge {
        let name = method.rawValue
        guard hasCountableElements else { throw invalid("the shape \(shape) is none of a tensor") }
        let bases = terms.count { $0.isBase }
        guard bases <= 1 else { throw invalid("\(bases) sources are the base, expected at most one") }
        let takesBase = method.base != .ignored
        if method.base == .required, bases == 0 { throw invalid("\(name) needs a base: name one of the sources as base_model") }
        try checkCount(terms.count, method.sourceCount, "sources")
        let changes = terms.filter { !(takesBase && $0.isBase) }
        if takesBase { try checkCount(changes.count, method.changeCount, "sources besides the base") }

        var shared = values
        try check(&shared, scopes: [.shared], of: nil)
        var sources: [CheckedMerge.Source] = []
        for term in changes {
            var own = term.values
            try check(&own, scopes: [.source, .change], of: term.name)
            sources.append(.init(name: term.name, reader: term.reader, values: own))
        }
        let base = takesBase ? terms.first(where: \.isBase) : nil
        let merge = CheckedMerge(
            shape: shape, base: base.map { .init(name: $0.name, reader: $0.reader, values: $0.values) }, sources: sources, values: shared,
            seed: seed, tensor: tensor)
        try checkTogether(merge)
        return merge
    }

    private var hasCountableElements: Bool {
        var elements = 1
        for size in shape {
            let (product, overflows) = elements.multipliedReportingOverflow(by: size)
            guard size >= 0, !overflows else { return false }
            elements = product
        }
        return true
    }

    private func checkCount(_ count: Int, _ range: ClosedRange<Int>, _ what: String) throws(MergeError) {
        guard !range.contains(count) else { return }
        let expected =
            range.lowerBound == range.upperBound
            ? "exactly \(range.lowerBound)" : count < range.lowerBound ? "at least \(range.lowerBound)" : "at most \(range.upperBound)"
        throw invalid("\(method.rawValue) was given \(count) \(what), expected \(expected)")
    }

    /// Checks the values of one scope and adds the standard ones.
    private func check(_ values: inout MergeValues, scopes: Set<MergeParameter.Scope>, of source: String?) throws(MergeError) {
        let parameters = method.parameters.filter { scopes.contains($0.scope) }
        let place = source.map { " of \($0)" } ?? ""
        for name in values.entries.keys.sorted() where !parameters.contains(where: { $0.name == name }) {
            let known = parameters.map(\.name).joined(separator: ", ")
            throw invalid("\(method.rawValue) has no value `\(name)`\(place)\(known.isEmpty ? "" : ": it has \(known)")")
        }
        for parameter in parameters {
            guard let value = values[parameter.name] ?? parameter.standard else {
                if parameter.isOptional { continue }
                throw invalid("`\(parameter.name)`\(place) is missing, \(method.rawValue) needs it")
            }
            if let expected = expectation(parameter, value) {
                throw invalid("`\(parameter.name)`\(place) is \(value), expected \(expected)")
            }
            values[parameter.name] = value
        }
    }

    /// What a value should have been; nil when it is right.
    private func expectation(_ parameter: MergeParameter, _ value: Double) -> String? {
        guard value.isFinite, abs(value) <= Double(Float.greatestFiniteMagnitude) else { return "a number that f32 can hold" }
        switch parameter.kind {
        case .flag: return value == 0 || value == 1 ? nil : "true or false"
        case .count: return value == value.rounded() && (0...Self.mostIterations).contains(value) ? nil : "a whole number from 0 to \(Int(Self.mostIterations))"
        case .number:
            switch parameter.name {
            case "density", "gamma", "select_topk": return (0...1).contains(value) ? nil : "a number from 0 to 1"
            case "epsilon", "eps", "tol": return value >= 0 ? nil : "a number from 0 up"
            default: return nil
            }
        }
    }

    /// More of them change nothing: the mean has long converged.
    private static let mostIterations = 10_000.0

    /// What depends on several values.
    private func checkTogether(_ merge: CheckedMerge) throws(MergeError) {
        switch method {
        case .della, .dellaLinear:
            for source in merge.sources {
                let (density, epsilon) = (source.number("density"), source.number("epsilon"))
                guard density > 0, density < 1 else { continue }
                guard density - epsilon > 0, density + epsilon < 1 else {
                    throw invalid(
                        "`epsilon` of \(source.name) is \(epsilon) at a density of \(density), expected that density - epsilon and density + epsilon lie between 0 and 1"
                    )
                }
                guard merge.shape.last ?? 1 > 1 else {
                    throw MergeError(
                        .unsupported, "\(method.rawValue) ranks the elements of each row, and the rows of shape \(shape) have one: use density 1 here",
                        tensor: tensor)
                }
            }
        case .linear where merge.flag("normalize"), .multislerp where merge.flag("normalize_weights") && merge.sources.count > 1:
            let sum = TorchSum.of(merge.sources.map { Float($0.number("weight")) })
            guard sum != 0, sum.isFinite else {
                throw invalid("the weights add up to \(sum), which cannot be normalised: change them, or set \(method == .linear ? "normalize" : "normalize_weights") to false")
            }
        default: break
        }
    }

    private func invalid(_ message: String) -> MergeError { MergeError(.invalidRecipe, message, tensor: tensor) }
}
