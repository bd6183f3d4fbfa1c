internal import Tensors

/// Compares the configuration with what the file holds: names, shapes and types.
struct MemoryExpertsPlanner {
    let configuration: MemoryExpertsConfiguration
    let content: AdapterContent
    let base: BaseModules

    static let keys = "facts.keys"
    static let slots = "facts.slots"
    static let shares = "facts.p"
    static let query = "selector.wq"
    static let subkeys = "selector.subkeys"
    static func ids(_ site: Int) -> String { "site.\(site).ids" }
    static func inner(_ site: Int) -> String { "site.\(site).a" }
    static func outer(_ site: Int) -> String { "site.\(site).b" }
    static func offsets(_ site: Int) -> String { "site.\(site).c" }

    private let floating: [DType] = [.f32, .f16, .bf16]

    func plan(problems: inout AdapterProblems) -> MemoryExpertsPlan? {
        let before = problems.count
        let selector = selector(&problems)
        var sites: [MemoryExpertsPlan.Site] = []
        for layer in configuration.sites {
            let ids = tensor(Self.ids(layer), [nil], [.i32], &problems)
            let count = ids?.shape[0]
            let inner = tensor(Self.inner(layer), [count, base.configuration.hidden], floating, &problems)
            let outer = tensor(Self.outer(layer), [count, base.configuration.hidden], floating, &problems)
            let hasOffsets = content.weights.tensors[Self.offsets(layer)] != nil
            let offsets = hasOffsets ? tensor(Self.offsets(layer), [count], [.f32], &problems) : nil
            guard let ids, let inner, let outer else { continue }
            sites.append(.init(layer: layer, ids: ids, inner: inner, outer: outer, offsets: offsets))
        }
        noteUnread(&problems)
        guard problems.count == before, let selector else { return nil }
        return MemoryExpertsPlan(
            configuration: configuration, layers: base.layers, hidden: base.configuration.hidden, selector: selector, sites: sites)
    }

    private func selector(_ problems: inout AdapterProblems) -> MemoryExpertsPlan.Selector? {
        switch configuration.selection {
        case .request(let threshold):
            let keys = tensor(Self.keys, [nil, nil], floating, &problems)
            let (facts, k) = (keys?.shape[0], configuration.slices)
            let slots = tensor(Self.slots, [facts, k], [.i32], &problems)
            let shares = tensor(Self.shares, [facts, k], [.f32], &problems)
            guard let keys, let slots, let shares else { return nil }
            return .facts(keys: keys, slots: slots, shares: shares, threshold: threshold)
        case .productKeys(let side):
            let query = tensor(Self.query, [nil, nil], floating, &problems)
            let subkeys = tensor(Self.subkeys, [2, side, query.map { $0.shape[0] / 2 }], floating, &problems)
            guard let query, let subkeys else { return nil }
            guard query.shape[0].isMultiple(of: 2) else {
                let message = "the shape is \(query.shape), expected an even number of rows: each half has keys of its own"
                problems.note(AdapterError(.wrongShape, message, file: AdapterFile.weights, tensor: Self.query))
                return nil
            }
            return .productKeys(query: query, subkeys: subkeys)
        }
    }

    /// - Parameter shape: nil where any size above 0 will do.
    private func tensor(
        _ name: String, _ shape: [Int?], _ types: [DType], _ problems: inout AdapterProblems
    ) -> TensorView? {
        guard let view = content.weights.tensors[name] else {
            problems.note(AdapterError(.missingTensor, "not in the file", file: AdapterFile.weights, tensor: name))
            return nil
        }
        guard types.contains(view.dtype) else {
            let expected = types.map(\.name).joined(separator: ", ")
            problems.note(
                AdapterError(
                    .wrongShape, "elements are \(view.dtype.name), expected \(expected)", file: AdapterFile.weights, tensor: name))
            return nil
        }
        let fits = view.shape.count == shape.count && zip(view.shape, shape).allSatisfy { $0 > 0 && $0 == $1 ?? $0 }
        guard fits else {
            let expected = "[\(shape.map { $0.map(String.init) ?? "any" }.joined(separator: ", "))]"
            problems.note(
                AdapterError(
                    .wrongShape, "the shape is \(view.shape), expected \(expected)", file: AdapterFile.weights, tensor: name))
            return nil
        }
        return view
    }

    private func noteUnread(_ problems: inout AdapterProblems) {
        var known: Set<String> =
            switch configuration.selection {
            case .request: [Self.keys, Self.slots, Self.shares]
            case .productKeys: [Self.query, Self.subkeys]
            }
        for site in configuration.sites { known.formUnion([Self.ids(site), Self.inner(site), Self.outer(site), Self.offsets(site)]) }
        for name in content.weights.tensors.keys.sorted() where !known.contains(name) {
            problems.note(
                AdapterError(
                    .unreadTensor, "nothing would read it; the configuration's sites are \(configuration.sites), its selection \(configuration.selection.name)",
                    file: AdapterFile.weights, tensor: name))
        }
    }
}
