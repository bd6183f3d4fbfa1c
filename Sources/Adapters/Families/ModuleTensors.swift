internal import Tensors

/// The tensors of one module.
struct ModuleTensors<Part: ModulePart>: Sendable {
    private var found: [(part: Part, view: TensorView)] = []

    subscript(part: Part) -> TensorView? {
        get { found.first { $0.part == part }?.view }
        set {
            found.removeAll { $0.part == part }
            if let newValue { found.append((part, newValue)) }
        }
    }

    var names: [String] { found.map(\.view.name) }
    var isEmpty: Bool { found.isEmpty }
}
