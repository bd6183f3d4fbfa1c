import Adapters
import Gateway

/// Where the adapters lie that a command names. The adapters folder is read for the first name.
final class AdapterFolders {
    private let workspace: Workspace
    private var known: [AdapterStatus]?

    init(_ workspace: Workspace) { self.workspace = workspace }

    /// A path, which has a slash or ends in `.gguf`, or a name in the adapters folder. Errors: a failure that suggests names.
    func find(_ text: String) throws -> (name: String, folder: String) {
        if text.contains("/") || text.lowercased().hasSuffix(".gguf") {
            return (text.split(separator: "/").last.map(String.init) ?? text, text)
        }
        let all = try known ?? read()
        guard let found = all.first(where: { $0.name == text }) else {
            throw Failure(message: "there is no adapter `\(text)` in \(workspace.configuration.adapters); \(hint(text, all.map(\.name)))")
        }
        return (text, found.folder)
    }

    private func read() throws -> [AdapterStatus] {
        let store = workspace.configuration.openStore(for: try workspace.configuration.openBaseWeights())
        _ = store.rescan()
        let all = store.list()
        known = all
        return all
    }

    private func hint(_ name: String, _ known: [String]) -> String {
        let near = known.filter { NearNames.distance(name.lowercased(), $0.lowercased()) <= max(1, name.count / 3) }
        if !near.isEmpty { return "did you mean \(near.prefix(3).map { "`\($0)`" }.joined(separator: " or "))?" }
        return known.isEmpty ? "it has none" : "it has \(known.prefix(8).joined(separator: ", "))\(known.count > 8 ? " and more" : "")"
    }
}
