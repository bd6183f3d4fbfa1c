internal import Models
internal import Synchronization
internal import Tensors

/// The matrices that all modules share, of the right shapes and types.
struct VeRAProjections: Sendable {
    /// What a module's matrices are cut to.
    struct Shape: Hashable, Sendable {
        let outputs: Int
        let inputs: Int

        init(_ module: BaseModules.Linear) { (outputs, inputs) = (module.outputs, module.inputs) }
    }

    private static let firstName = "base_model.vera_A"
    private static let secondName = "base_model.vera_B"
    static let names = [firstName, secondName]

    /// `[rank, inputs of the widest module]`
    let a: TensorView
    /// `[outputs of the widest module, rank]`
    let b: TensorView

    /// Nil when something is wrong, which is noted.
    init?(
        _ configuration: VeRAConfiguration, _ modules: [BaseModules.Linear], _ content: AdapterContent,
        _ planner: inout TargetPlanner<VeRAPart>
    ) {
        let before = planner.errors.count
        for name in Self.names where content.weights.tensors[name] == nil {
            planner.note(Self.missing(name, configuration))
        }
        let (a, b) = (content.weights.tensors[Self.firstName], content.weights.tensors[Self.secondName])
        planner.check(a, [configuration.rank, modules.map(\.inputs).max() ?? 0], rankDimension: 0)
        planner.check(b, [modules.map(\.outputs).max() ?? 0, configuration.rank], rankDimension: 1)
        guard planner.errors.count == before, let a, let b else { return nil }
        self.a = a
        self.b = b
    }

    private static func missing(_ name: String, _ configuration: VeRAConfiguration) -> AdapterError {
        guard !configuration.savesProjection else {
            return AdapterError(
                .missingTensor, "not in the file, and the configuration has save_projection on", file: AdapterFile.weights, tensor: name)
        }
        return AdapterError(
            .unsupported,
            "false, and \(name) is not in the file: it would have to be drawn by torch's generator; load the adapter with peft and save it"
                + " with save_projection=True", file: AdapterFile.configuration, key: "save_projection")
    }

    var parameters: Int { a.elementCount + b.elementCount }

    /// The matrices for each shape: all modules of one shape share them. Errors: `nonFinite`, and those of reading.
    func matrices(
        _ shapes: Set<Shape>, _ element: LowRank.Element, _ elements: AdapterElements
    ) throws(AdapterError) -> [Shape: VeRAMatrices] {
        let outcome = Mutex(Result<[Shape: VeRAMatrices], AdapterError>.success([:]))
        elements.spread(1, bytes: 0, room: ElementReader.room(a) + ElementReader.room(b)) { _, reader in
            let made = Result { () throws(AdapterError) in try cut(try reader.read(a), try reader.read(b), shapes, element) }
            outcome.withLock { $0 = made }
        }
        return try outcome.withLock { $0 }.get()
    }

    private func cut(
        _ a: TensorView, _ b: TensorView, _ shapes: Set<Shape>, _ element: LowRank.Element
    ) throws(AdapterError) -> [Shape: VeRAMatrices] {
        let largest = element == .bf16 ? ElementLimit.firstBeyondBF16 : ElementLimit.infinity
        try ElementLimit.check(a, largest)
        try ElementLimit.check(b, largest)
        var matrices: [Shape: VeRAMatrices] = [:]
        for shape in shapes {
            let (a, b) = (a.corner(rows: a.rows, columns: shape.inputs), b.corner(rows: shape.outputs, columns: b.columns))
            do throws(ModelError) {
                matrices[shape] = VeRAMatrices(
                    lowRank: try LowRank(a: a, b: b, scale: 1, element: element),
                    isUsed: zip(a.nonzeroRows(), b.nonzeroColumns()).map { $0 && $1 })
            } catch {
                throw AdapterError(error, .wrongShape, tensor: a.name)
            }
        }
        return matrices
    }
}

/// What modules of one shape share.
struct VeRAMatrices: Sendable {
    /// Without factors.
    let lowRank: LowRank
    /// Ranks with something in both matrices.
    let isUsed: [Bool]
}
