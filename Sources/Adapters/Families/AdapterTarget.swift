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
        let (bytes, room) = (targets.reduce(0) { $0 + $1.workBytes }, targets.map(\.room).max() ?? 0)
        let made = made(targets.count, bytes: bytes, room: room, problems: &problems, body)
        return made.map { made in
            zip(targets, made).compactMap { target, patch in patch.map { (target.module.layer, target.module.projection, $0) } }
        }
    }

    /// What `body` makes for each index below `count`, on several threads when there are many `bytes`. Noted: what it throws; nil then.
    func made<Value: Sendable>(
        _ count: Int, bytes: Int = 0, room: Int, problems: inout AdapterProblems,
        _ body: @Sendable (Int, ElementReader) throws(AdapterError) -> Value?
    ) -> [Value?]? {
        let before = problems.count
        let outcomes = Mutex([Result<Value?, AdapterError>](repeating: .success(nil), count: count))
        spread(count, bytes: bytes, room: room) { index, reader in
            let outcome = Result { () throws(AdapterError) in try body(index, reader) }
            outcomes.withLock { $0[index] = outcome }
        }
        var made: [Value?] = []
        for outcome in outcomes.withLock({ $0 }) { made.append(problems.noting { () throws(AdapterError) in try outcome.get() } ?? nil) }
        return problems.count == before ? made : nil
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
