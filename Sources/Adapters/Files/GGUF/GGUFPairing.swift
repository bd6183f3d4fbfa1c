internal import Models
internal import Tensors

/// A and B of one module.
struct GGUFPair: Sendable {
    struct Tensor: Sendable {
        /// As the file spells it.
        let name: String
        let checkpointName: String
        let stored: StoredTensor
    }

    /// Of the module.
    let path: String
    let rank: Int
    let a: Tensor
    let b: Tensor
}

/// Finds the pairs in a LoRA file of llama.cpp and checks them against the base. What it cannot use is in `errors`, by the
/// names of the file.
struct GGUFPairing {
    private let header: GGUFAdapterHeader
    private let base: BaseModules
    private let limits: AdapterLimits
    private let file: String
    private(set) var errors: [AdapterError] = []
    private var halves: [GGUFTensorName.Module: [GGUFTensorName.Part: TensorView]] = [:]

    init(header: GGUFAdapterHeader, base: BaseModules, limits: AdapterLimits, file: String) {
        self.header = header
        self.base = base
        self.limits = limits
        self.file = file
    }

    mutating func sortTensors() {
        for name in header.file.tensorNames.sorted() {
            guard let view = header.file.tensors[name] else { continue }
            guard let parsed = GGUFTensorName(name, isFused: base.configuration.isFused) else {
                note(.unreadTensor, "nothing would read it; expected blk.N.….weight.lora_a or .lora_b", name)
                continue
            }
            if let layer = parsed.layer, layer >= base.layers {
                note(.otherBase, "layer \(layer); \(base.name) has the layers 0 to \(base.layers - 1)\(trainedOn)", name)
                continue
            }
            halves[parsed.module, default: [:]][parsed.part] = view
        }
    }

    mutating func pairs() -> [GGUFPair] {
        var pairs: [GGUFPair] = []
        for (module, parts) in halves.sorted(by: { order($0.key) < order($1.key) }) {
            switch (parts[.a], parts[.b]) {
            case (let a?, let b?): if let pair = pair(module, a, b) { pairs.append(pair) }
            case (let a?, nil): noteMissing(.b, other: a)
            case (nil, let b?): noteMissing(.a, other: b)
            case (nil, nil): break
            }
        }
        if pairs.isEmpty && errors.isEmpty { errors.append(AdapterError(.noEffect, "the file has no tensors", file: file)) }
        return pairs
    }

    /// In the order of the forward pass.
    private func order(_ module: GGUFTensorName.Module) -> Int {
        switch module {
        case .embedding: -1
        case .linear(let layer, let projection), .fused(let layer, let projection): layer * Projection.allCases.count + projection.rawValue
        case .head: .max
        }
    }

    /// Checks the pair's shapes, as the file has them: row-major, `[rank, inputs]` and `[outputs, rank]`; of the embedding
    /// `[vocabulary, rank]` and `[hidden, rank]`.
    private mutating func pair(_ module: GGUFTensorName.Module, _ a: TensorView, _ b: TensorView) -> GGUFPair? {
        let before = errors.count
        for view in [a, b] {
            if view.shape.count != 2 { note(.wrongShape, "the shape is \(view.shape), expected a matrix", view.name) }
            if !view.dtype.isFloatingPoint {
                note(.wrongShape, "elements are \(view.dtype.name), expected f32, f16, bf16 or q8_0", view.name)
            }
        }
        guard errors.count == before else { return nil }
        let configuration = base.configuration
        let isEmbedding = module == .embedding
        let (outputs, inputs) =
            switch module {
            case .linear(_, let projection): projection.shape(in: configuration)
            case .fused(_, let first):
                (BaseModules.fused(from: first)?.parts.reduce(0) { $0 + $1.shape(in: configuration).outputs } ?? 0, configuration.hidden)
            case .embedding: (outputs: configuration.hidden, inputs: configuration.vocabulary)
            case .head: (outputs: configuration.vocabulary, inputs: configuration.hidden)
            }
        let rank = b.columns
        check(a, width: isEmbedding ? a.rows : a.columns, inputs, isEmbedding ? [inputs, rank] : [rank, inputs])
        check(b, width: b.rows, outputs, [outputs, rank])
        if errors.count == before {
            let found = isEmbedding ? a.columns : a.rows
            if found != rank { note(.wrongShape, "rank \(found); \(quoted(b.name)) has rank \(rank)", a.name) }
            if !(1...limits.rank).contains(rank) {
                note(.limitExceeded, "rank \(rank); ranks from 1 to \(limits.rank) are served", b.name)
            }
        }
        guard errors.count == before else { return nil }
        var rows = StoredTensor.Arrangement.plain
        if case .linear(_, let projection) = module, projection == .query || projection == .key, configuration.architecture.interleavesHeads {
            rows = .rows(configuration.interleavedRows(projection))
        }
        guard let path = GGUFTensorName(a.name, isFused: configuration.isFused)?.path,
            let first = tensor(a, isEmbedding ? .transposed : .plain, [rank, inputs]),
            let second = tensor(b, rows, [outputs, rank])
        else { return nil }
        return GGUFPair(path: path, rank: rank, a: first, b: second)
    }

    private func tensor(_ view: TensorView, _ arrangement: StoredTensor.Arrangement, _ shape: [Int]) -> GGUFPair.Tensor? {
        guard let name = GGUFTensorName(view.name, isFused: base.configuration.isFused), let offset = header.file.offset(of: view) else { return nil }
        return GGUFPair.Tensor(
            name: view.name, checkpointName: name.checkpointName,
            stored: StoredTensor(
                offset: offset, byteCount: view.byteCount, storedType: view.dtype, arrangement: arrangement, shape: shape))
    }

    private mutating func check(_ view: TensorView, width: Int, _ expected: Int, _ shape: [Int]) {
        guard width != expected else { return }
        note(.otherBase, "the shape is \(view.shape), expected \(shape): the widths are not those of \(base.name)\(trainedOn)", view.name)
    }

    private var trainedOn: String {
        header.baseModelName.map { "; the adapter was trained on \(quoted($0))" } ?? ""
    }

    private mutating func noteMissing(_ part: GGUFTensorName.Part, other: TensorView) {
        let name = other.name.dropLast() + part.rawValue
        note(.missingTensor, "not in the file, which has \(quoted(other.name))", String(name))
    }

    private mutating func note(_ code: AdapterError.Code, _ message: String, _ tensor: String) {
        errors.append(AdapterError(code, message, file: file, tensor: tensor))
    }
}
