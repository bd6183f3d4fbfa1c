internal import MergeMethods
internal import Tensors

/// Finds out which tensors a merge has, and what each is made of.
struct MergePlanBuilder {
    let recipe: MergeRecipe
    let sources: [MergeSource]
    let slices: [RecipeSlice]
    let donor: Int
    let vocabulary: MergedVocabulary?
    /// Of each layer of the result, its number in the first source of its slice.
    let layerNumbers: [Int]
    let notices: [MergeWarning]

    init(_ recipe: MergeRecipe, _ sources: [MergeSource]) throws(MergeError) {
        self.recipe = recipe
        self.sources = sources
        donor = sources.firstIndex { $0.reference == recipe.baseModel } ?? 0
        slices = try recipe.slices { model throws(MergeError) in
            sources.first { $0.reference == model }?.layers ?? 0
        }
        layerNumbers = slices.flatMap { slice in slice.sources.first.map { Array($0.layers) } ?? [] }
        var notices: [MergeWarning] = []
        let line = recipe.tokenizer?.line ?? 1
        if let choice = recipe.tokenizer {
            vocabulary = try MergedVocabulary(choice, sources, donor: donor, file: recipe.file) {
                notices.append(MergeWarning(line: line, message: $0))
            }
        } else {
            vocabulary = nil
        }
        self.notices = notices
        try checkArchitectures()
    }

    /// In the order in which they are written.
    func tensors() throws(MergeError) -> [MergedTensor] {
        guard let first = slices.first, let last = slices.last else { return [] }
        var tensors: [MergedTensor] = []
        for name in looseNames(first) where !TensorRole.isAfterLayers(name) {
            if let tensor = try plan(name, inputs: first.sources.map { _ in name }, first, t: 0) { tensors.append(tensor) }
        }
        var layer = 0
        for slice in slices {
            let places = layerPlaces(slice)
            for index in 0..<slice.layerCount {
                for place in places {
                    let inputs = slice.sources.map { place($0.layers.lowerBound + index) }
                    if let tensor = try plan(place(layer), inputs: inputs, slice, t: slice.t(layer: index)) { tensors.append(tensor) }
                }
                layer += 1
            }
        }
        for name in looseNames(last) where TensorRole.isAfterLayers(name) {
            if let tensor = try plan(name, inputs: last.sources.map { _ in name }, last, t: 0) { tensors.append(tensor) }
        }
        return tensors
    }

    /// Nil: too few sources have it, and it may be absent.
    private func plan(_ name: String, inputs: [String], _ slice: RecipeSlice, t: Double) throws(MergeError) -> MergedTensor? {
        let resolved = try recipe.values(of: name, inputs: inputs, in: slice, t: t)
        var own: [MergedTensor.Input] = []
        var tensors: [SourceTensor] = []
        var base: Int?
        for (index, source) in slice.sources.enumerated() {
            guard let number = sources.firstIndex(where: { $0.reference == source.model }) else { continue }
            guard let tensor = sources[number].tensor(inputs[index]) else {
                guard TensorRole.isOptional(name) else {
                    throw MergeError(.mismatch, "the tensor is missing here, and others of the recipe's models have it", file: sources[number].path, tensor: inputs[index])
                }
                continue
            }
            if index == slice.base { base = own.count }
            own.append(.init(source: number, name: tensor.name, values: resolved.sources[index]))
            tensors.append(tensor)
        }
        guard let work = try work(name, own, base: base, of: slice), let first = tensors.first else { return nil }
        let movesRows = vocabulary.map { !$0.isShared && TensorRole.isVocabulary(name) } ?? false
        if let other = tensors.first(where: { $0.shape != first.shape && !(movesRows && $0.shape.dropFirst() == first.shape.dropFirst()) }) {
            let hint = TensorRole.isVocabulary(name) ? "; `tokenizer_source: base` or `union` in the recipe puts tokens into the same rows" : ""
            throw MergeError(
                .mismatch, "the shape is \(other.shape), and \(first.shape) in \(first.file)\(hint)", file: other.file, tensor: other.name)
        }
        let isNumber = tensors.allSatisfy { $0.dtype.isFloatingPoint }
        var shape = first.shape
        if movesRows, let vocabulary { shape[0] = vocabulary.rows }
        return MergedTensor(
            name: name, shape: shape, dtype: isNumber ? dtype(tensors) : first.dtype, work: isNumber ? work : .equal, inputs: own, base: base,
            shared: resolved.shared, movesRows: movesRows)
    }

    /// What is done with a tensor that these sources have. Nil: it is left out.
    private func work(
        _ name: String, _ inputs: [MergedTensor.Input], base: Int?, of slice: RecipeSlice
    ) throws(MergeError) -> MergedTensor.Work? {
        guard inputs.count < slice.sources.count else { return .merge }
        let method = recipe.method
        switch method.missing {
        case .onlySource where inputs.count == 1: return .passThrough
        case .onlyBase where inputs.count == 1 && base != nil: return .passThrough
        case .baseOrNone where inputs.count < method.sourceCount.lowerBound: return inputs.count == 1 && base != nil ? .passThrough : nil
        default: break
        }
        guard !inputs.isEmpty else { return nil }
        let lacking = slice.sources.first { source in !inputs.contains { sources[$0.source].reference == source.model } }
        guard method.sourceCount.contains(inputs.count), method.changeCount.contains(inputs.count - (base == nil ? 0 : 1)),
            slice.base == nil || base != nil
        else {
            throw MergeError(
                .mismatch, "\(lacking.map { "\($0.model)" } ?? "a model") has no such tensor, and \(method.rawValue) cannot do without it",
                file: recipe.file, tensor: name)
        }
        return .merge
    }

    /// Of the recipe; else the widest of the sources, where those of quantised files count as f16.
    private func dtype(_ tensors: [SourceTensor]) -> DType {
        if let dtype = recipe.outDtype ?? recipe.dtype { return dtype }
        let types = Set(tensors.map { $0.dtype.isQuantized ? .f16 : $0.dtype })
        if types.contains(.f64) || types.contains(.f32) || types.count > 1 { return .f32 }
        return types.first ?? .f32
    }

    /// Names of tensors outside layers, those of the first source first.
    private func looseNames(_ slice: RecipeSlice) -> [String] {
        unique(slice.sources.flatMap { source in names(of: source).filter { LayerName.split($0) == nil } })
    }

    /// Places of tensors in a slice's layers, those of the first source first.
    private func layerPlaces(_ slice: RecipeSlice) -> [LayerName] {
        unique(
            slice.sources.flatMap { source in
                names(of: source).compactMap { name in
                    LayerName.split(name).flatMap { source.layers.contains($0.layer) ? $0.place : nil }
                }
            })
    }

    private func names(of source: RecipeSlice.Source) -> [String] { sources.first { $0.reference == source.model }?.names ?? [] }

    private func unique<Element: Hashable>(_ elements: [Element]) -> [Element] {
        var seen: Set<Element> = []
        return elements.filter { seen.insert($0).inserted }
    }

    private func checkArchitectures() throws(MergeError) {
        let first = sources[donor]
        if let other = sources.first(where: { $0.architecture != first.architecture }) {
            throw MergeError(
                .mismatch, "the model is a \(other.architecture), and \(first.reference) is a \(first.architecture): only models of one kind can be merged",
                file: "\(other.path)/config.json")
        }
    }
}
