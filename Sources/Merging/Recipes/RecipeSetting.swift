internal import MergeMethods

/// The value of one parameter at one place of a recipe.
struct RecipeSetting: Sendable, Equatable {
    /// Values for the tensors that a filter lets through.
    struct Case: Sendable, Equatable {
        /// A part of the tensor's name; nil and `*`: of every tensor.
        var filter: String?
        /// A gradient over the layers of a slice; a plain value is a gradient of one. Empty: no value, ask the next scope.
        var values: [Double]

        func applies(to tensor: String) -> Bool {
            guard let filter, filter != "*" else { return true }
            return !tensor.isEmpty && (filter.isEmpty || tensor.utf8.contains(filter.utf8))
        }
    }

    var cases: [Case]
    var line: Int

    /// The gradient of the first case that applies. Nil: the next scope has to say.
    func values(of tensor: String) -> [Double]? {
        cases.first { $0.applies(to: tensor) }.flatMap { $0.values.isEmpty ? nil : $0.values }
    }

    /// At `t` in 0...1: numbers are piecewise-linear, flags are the value whose turn it is. Nil: the next scope has to say.
    func value(of tensor: String, t: Double, kind: MergeParameter.Kind) -> Double? {
        guard let values = values(of: tensor) else { return nil }
        let scaled = t * Double(values.count - 1)
        let lower = Int(scaled)
        if kind == .flag { return values[lower] }
        let upper = min(values.count - 1, lower + 1)
        let fraction = scaled - Double(lower)
        return (1 - fraction) * values[lower] + fraction * values[upper]
    }

    /// Whether every tensor gets a value here.
    var coversAll: Bool {
        guard let open = cases.firstIndex(where: { $0.filter == nil || $0.filter == "*" }) else { return false }
        return cases[...open].allSatisfy { !$0.values.isEmpty }
    }

    /// The value, where it is the same for all tensors and layers.
    var constant: Double? {
        guard let first = cases.first?.values.first, coversAll else { return nil }
        return cases.allSatisfy { $0.values.allSatisfy { $0 == first } } ? first : nil
    }
}

typealias RecipeSettings = [String: RecipeSetting]
