import Foundation
import Hub
import MergeMethods
import Merging

/// Where the models of a recipe lie: on this machine, or on the hub.
struct MergePlaces {
    private let opened = OpenedModels()

    /// Opens a model of a recipe. What only the hub has is fetched into its cache.
    func open(_ model: ModelReference) throws(MergeError) -> MergeSource {
        let adapter: String? = if let place = model.adapter { try path(place, isAdapter: true) } else { nil }
        return try MergeSource.open(model, at: path(model.model, isAdapter: false), adapter: adapter, in: opened)
    }

    private func path(_ place: ModelReference.Place, isAdapter: Bool) throws(MergeError) -> String {
        if FileManager.default.fileExists(atPath: place.path) {
            guard place.revision == nil else {
                throw MergeError(.invalidRecipe, "a path of this machine has no revisions, and `@\(place.revision ?? "")` names one", file: place.path)
            }
            return place.path
        }
        guard Self.isOnHub(place.path) else { throw Self.missing(place.path) }
        do throws(HubError) {
            let name = HubReference.isReference(place.path) ? place.path : "\(HubReference.prefix)\(place.path)"
            let reference = try HubReference(place.revision.map { "\(name)@\($0)" } ?? name)
            let snapshot = try HubAccess().resolve(reference)
            guard snapshot.isAdapter == isAdapter else {
                throw HubError(.invalid, snapshot.isAdapter ? "an adapter, and a model is expected here" : "a model, and an adapter is expected here", place: name)
            }
            return snapshot.path
        } catch {
            throw MergeError(.notFound, "there is no such file or folder, and the hub does not give it: \(error)", file: place.path)
        }
    }

    /// `hf:ORG/NAME`, or `ORG/NAME` where no folder of this name is here.
    private static func isOnHub(_ path: String) -> Bool {
        if HubReference.isReference(path) { return true }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && !path.hasSuffix(".gguf") && !parts[0].isEmpty && !parts[0].hasPrefix(".")
            && !FileManager.default.fileExists(atPath: String(parts[0]))
    }

    private static func missing(_ path: String) -> MergeError {
        let url = URL(fileURLWithPath: path)
        // Only for a hint: without the folder's names the message says what is missing all the same.
        let others = (try? FileManager.default.contentsOfDirectory(atPath: url.deletingLastPathComponent().path)) ?? []
        let near = others.filter { NearNames.distance($0, url.lastPathComponent) <= 2 }.min()
        return MergeError(.notFound, "there is no such file or folder\(near.map { "; there is `\($0)`" } ?? "")", file: path)
    }
}
