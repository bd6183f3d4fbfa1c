public import MergeMethods

/// What a method computes one tensor with.
public struct ResolvedValues: Sendable, Equatable {
    public var shared: MergeValues
    /// One a source, in the slice's order. Parameters of scope `change` are absent from the base's.
    public var sources: [MergeValues]

    public init(shared: MergeValues, sources: [MergeValues]) {
        self.shared = shared
        self.sources = sources
    }
}

extension MergeRecipe {
    /// The values for one tensor: the source's, or else the slice's, the module's, the recipe's, or the method's own.
    ///
    /// - Parameters:
    ///   - tensor: Its name in the result; filters of shared parameters see it.
    ///   - inputs: Its name in each source; filters of all other parameters see the source's name.
    ///   - t: Where its layer is in gradients (`RecipeSlice.t`).
    /// Errors: `invalidRecipe` when a value is missing, or a gradient of whole numbers is between two of them.
    public func values(
        of tensor: String, inputs: [String], in slice: RecipeSlice, t: Double
    ) throws(MergeError) -> ResolvedValues {
        precondition(inputs.count == slice.sources.count, "a tensor has one name in each source")
        precondition((0...1).contains(t), "gradients go from 0 to 1")
        var result = ResolvedValues(shared: [:], sources: [])
        for parameter in method.parameters where parameter.scope == .shared {
            result.shared[parameter.name] = try value(parameter, [slice.settings] + outerSettings, of: tensor, t: t, source: nil)
        }
        for (index, source) in slice.sources.enumerated() {
            var values = MergeValues()
            for parameter in method.parameters where parameter.scope == .source || parameter.scope == .change && index != slice.base {
                values[parameter.name] = try value(
                    parameter, [source.settings, slice.settings] + outerSettings, of: inputs[index], t: t, source: source)
            }
            result.sources.append(values)
        }
        return result
    }

    /// Nil where an optional parameter has no value.
    private func value(
        _ parameter: MergeParameter, _ scopes: [RecipeSettings], of tensor: String, t: Double, source: RecipeSlice.Source?
    ) throws(MergeError) -> Double? {
        for scope in scopes {
            guard let setting = scope[parameter.name], let value = setting.value(of: tensor, t: t, kind: parameter.kind) else { continue }
            guard parameter.kind != .count || value == value.rounded() else {
                throw MergeError(
                    .invalidRecipe, "`\(parameter.name)` has to be a whole number; its gradient is \(value) here",
                    file: "\(file):\(setting.line)", tensor: tensor)
            }
            return value
        }
        guard parameter.standard == nil, !parameter.isOptional else { return parameter.standard }
        throw MergeError(
            .invalidRecipe,
            "no value of `\(parameter.name)`\(source.map { " for \($0.model)" } ?? ""): no filter lets this tensor through; "
                + "add a case without a filter",
            file: source.map { "\(file):\($0.line)" } ?? file, tensor: tensor)
    }
}
