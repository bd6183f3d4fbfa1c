internal import Glibc
public import Models

/// Another adapter with nearly the same effect.
public struct AdapterLikeness: Sendable, Equatable {
    public var name: String
    /// The cosine of the two changes to the linear maps of the layers, -1 to 1; 1 for the same change at any strength.
    public var similarity: Double
    /// Both have the same version, which means the same bytes.
    public var isCopy: Bool
}

extension AdapterStore {
    /// Adapters of the store whose change is at least that similar to what an inspection found, the most similar first. The folder
    /// itself is left out, and so is what does not load.
    ///
    /// Reads every adapter of the store, one after another. Cost: that, and `O(parameters * rank)` each.
    /// - Parameter progress: called with the number of the adapter that is read, and how many there are.
    public func likenesses(
        to inspection: AdapterInspection, weights: BaseWeights?, least: Double = 0.9,
        progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) -> [AdapterLikeness] {
        guard let delta = inspection.delta else { return [] }
        let place = Self.place(inspection.folder)
        let others = list().filter { $0.isServable && Self.place($0.folder) != place }
        let product = DeltaProduct(weights: weights)
        let square = product.of(delta, delta)
        var found: [AdapterLikeness] = []
        for (index, other) in others.enumerated() {
            progress(index + 1, others.count)
            guard let directory = try? AdapterDirectory.open(other.name, in: folder),
                let loaded = try? loader.load(directory, element: .f32)
            else { continue }
            let isCopy = loaded.version == inspection.version
            let similarity = isCopy ? 1 : product.cosine(delta, loaded.delta, square: square)
            if similarity >= least { found.append(AdapterLikeness(name: other.name, similarity: similarity, isCopy: isCopy)) }
        }
        return found.sorted { ($1.similarity, $0.name) < ($0.similarity, $1.name) }
    }

    private struct Place: Equatable {
        var device: UInt
        var inode: UInt
    }

    private static func place(_ folder: String) -> Place? {
        var status = stat()
        guard stat(folder, &status) == 0 else { return nil }
        return Place(device: UInt(status.st_dev), inode: UInt(status.st_ino))
    }
}
