internal import Models
internal import Synchronization
internal import Tensors

/// The tables of memory experts, of the right shapes and types.
struct MemoryExpertsPlan: AdapterPlan {
    /// The written slices of one layer.
    struct Site: Sendable {
        var layer: Int
        /// `[written]`, rising.
        var ids: TensorView
        /// `[written, hidden]`: the vector that a slice compares its input with.
        var inner: TensorView
        /// `[written, hidden]`: the vector that it adds.
        var outer: TensorView
        /// `[written]`: what is added to the comparison; nil: zero.
        var offsets: TensorView?

        var tensors: [TensorView] { [ids, inner, outer] + (offsets.map { [$0] } ?? []) }
    }

    /// What says which slices a request gets.
    enum Selector: Sendable {
        /// `keys` is `[facts, dimension]`, `slots` and `shares` are `[facts, slices]`: at each site as many, in the order of the sites.
        case facts(keys: TensorView, slots: TensorView, shares: TensorView, threshold: Double)
        /// `query` is `[width, dimension]`, `subkeys` `[2, side, width / 2]`.
        case productKeys(query: TensorView, subkeys: TensorView)

        var tensors: [TensorView] {
            switch self {
            case .facts(let keys, let slots, let shares, _): [keys, slots, shares]
            case .productKeys(let query, let subkeys): [query, subkeys]
            }
        }
    }

    let configuration: MemoryExpertsConfiguration
    let layers: Int
    let hidden: Int
    let selector: Selector
    let sites: [Site]

    private var tensors: [TensorView] { selector.tensors + sites.flatMap(\.tensors) }

    var summary: AdapterSummary {
        AdapterSummary(
            family: "memory_experts", ranks: configuration.slicesPerSite...configuration.slicesPerSite,
            scales: configuration.scale...configuration.scale, targets: ["mlp"], patchCount: sites.count,
            parameters: sites.reduce(0) { $0 + $1.inner.elementCount + $1.outer.elementCount },
            baseModelName: configuration.baseModelName)
    }

    /// What selects is compared in f32.
    func byteCount(element: LowRank.Element) -> Int {
        selector.tensors.reduce(0) { $0 + 4 * $1.elementCount } + sites.flatMap(\.tensors).reduce(0) { $0 + $1.byteCount }
    }

    /// Empty: the whole effect is retrieved for each request.
    func delta(element: LowRank.Element, elements: AdapterElements, problems: inout AdapterProblems) -> AdapterDelta? {
        AdapterDelta(layers: layers)
    }

    func retrieval(_ elements: AdapterElements, problems: inout AdapterProblems) -> (any DeltaRetrieval)? {
        let before = problems.count
        let views = tensors
        let outcomes = Mutex([Result<TensorView, AdapterError>?](repeating: nil, count: views.count))
        let bytes = views.reduce(0) { $0 + $1.byteCount }
        elements.spread(views.count, bytes: bytes, room: views.map(ElementReader.room).max() ?? 0) { index, reader in
            let outcome = Result { () throws(AdapterError) in try Self.owned(try reader.read(views[index])) }
            outcomes.withLock { $0[index] = outcome }
        }
        let owned = outcomes.withLock { $0 }.compactMap { outcome in
            problems.noting { () throws(AdapterError) in try outcome?.get() } ?? nil
        }
        guard owned.count == views.count else { return nil }
        let slices = slices(owned.dropFirst(selector.tensors.count))
        slices.check(0..<Int32(configuration.addresses), problems: &problems)
        guard problems.count == before else { return nil }
        switch selector {
        case .facts(_, _, _, let threshold):
            let table = MemoryTable(
                keys: owned[0], slots: owned[1].integers, shares: owned[2].floats(), threshold: threshold, slices: slices,
                count: configuration.slices)
            table.check(0..<Int32(configuration.addresses), problems: &problems)
            return problems.count == before ? table : nil
        case .productKeys:
            let memory = ProductKeyMemory(
                keys: ProductKeys(query: owned[0], keys: owned[1]), slices: slices, count: configuration.slicesPerSite)
            memory.check(problems: &problems)
            return problems.count == before ? memory : nil
        }
    }

    /// - Parameter owned: the tensors of the sites, one after another.
    private func slices(_ owned: ArraySlice<TensorView>) -> MemorySlices {
        var rest = owned
        let read = sites.map { site in
            MemorySlices.Site(
                layer: site.layer, ids: rest.removeFirst().integers, inner: rest.removeFirst(), outer: rest.removeFirst(),
                offsets: site.offsets == nil ? nil : rest.removeFirst().floats())
        }
        return MemorySlices(layers: layers, hidden: hidden, scale: configuration.scale, sites: read)
    }

    /// In memory of its own; a floating tensor is finite.
    private static func owned(_ view: TensorView) throws(AdapterError) -> TensorView {
        if view.dtype != .i32, let index = view.firstIndex(beyond: ElementLimit.infinity) {
            throw AdapterError(
                .nonFinite, "element \(index) is \(view.floats()[index]), expected a finite number", file: AdapterFile.weights,
                tensor: view.name)
        }
        guard let copy = TensorView(name: view.name, dtype: view.dtype, shape: view.shape, copying: view.bytes) else {
            throw AdapterError(.malformed, "a tensor of \(view.shape)", file: AdapterFile.weights, tensor: view.name)
        }
        return copy
    }

    /// Of all written slices of a layer together; a request uses a few of them.
    func effects() -> [AdapterEffect] {
        sites.map { site in
            let (inner, outer) = (site.inner.floats(), site.outer.floats())
            let square = (0..<site.inner.rows).reduce(0.0) { sum, row in
                let slice = row * hidden..<(row + 1) * hidden
                return sum + Self.squareNorm(inner[slice]) * Self.squareNorm(outer[slice])
            }
            return AdapterEffect(
                module: "model.layers.\(site.layer).mlp", layer: site.layer, projection: .down, rank: configuration.slicesPerSite,
                scale: configuration.scale, norm: abs(configuration.scale) * square.squareRoot())
        }
    }

    private static func squareNorm(_ values: ArraySlice<Float>) -> Double { values.reduce(0) { $0 + Double($1) * Double($1) } }
}

extension TensorView {
    /// Of an i32 tensor.
    fileprivate var integers: [Int32] { withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) } }
}
