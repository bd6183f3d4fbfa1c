internal import Models
internal import Synchronization
internal import Tensors

/// One linear module that an adapter changes, with its tensors of the right shapes and types.
protocol AdapterTarget: Sendable {
    var module: BaseModules.Linear { get }
    /// The tensors of the file that belong to this module only.
    var tensors: [TensorView] { get }
    /// Bytes that its patch is computed from; they decide how many threads are used.
    var workBytes: Int { get }
}

extension AdapterTarget {
    var parameters: Int { tensors.reduce(0) { $0 + $1.elementCount } }
    /// Bytes that a reader needs for all its tensors.
    var room: Int { tensors.reduce(0) { $0 + ElementReader.room($1) } }
    var workBytes: Int { room }
}

/// A patch and its place, before the delta is made.
typealias PlacedPatch = (layer: Int, projection: Projection, patch: LinearPatch)

extension AdapterElements {
    /// The patches of targets in their order, made on several threads; `body` gets a target's index and reads its tensors, and
    /// returns nil where the target changes nothing. Noted: what it throws; nil then.
    func patches(
        _ targets: [some AdapterTarget], problems: inout AdapterProblems,
        _ body: @Sendable (Int, ElementReader) throws(AdapterError) -> LinearPatch?
    ) -> [PlacedPatch]? {
        let before = problems.count
        let outcomes = Mutex([Result<LinearPatch?, AdapterError>](repeating: .success(nil), count: targets.count))
        let bytes = targets.reduce(0) { $0 + $1.workBytes }
        spread(targets.count, bytes: bytes, room: targets.map(\.room).max() ?? 0) { index, reader in
            let outcome = Result { () throws(AdapterError) in try body(index, reader) }
            outcomes.withLock { $0[index] = outcome }
        }
        var patches: [PlacedPatch] = []
        for (target, outcome) in zip(targets, outcomes.withLock { $0 }) {
            let patch = problems.noting { () throws(AdapterError) in try outcome.get() }
            if let patch, let patch { patches.append((target.module.layer, target.module.projection, patch)) }
        }
        return problems.count == before ? patches : nil
    }
}

extension AdapterSummary {
    /// What all families of linear modules have in common.
    init(family: String, targets: [some AdapterTarget], manifest: AdapterManifest) {
        let projections = Set(targets.map(\.module.projection))
        self.init(
            family: family, targets: Projection.allCases.filter(projections.contains).map(\.shortName), patchCount: targets.count,
            parameters: targets.reduce(0) { $0 + $1.parameters }, baseModelName: manifest.baseModelName)
    }
}

extension Collection where Element: Comparable {
    /// From the smallest to the greatest; nil when there is none, or one that is not a number.
    var extent: ClosedRange<Element>? {
        guard let least = self.min(), let greatest = self.max(), least <= greatest else { return nil }
        return least...greatest
    }
}
