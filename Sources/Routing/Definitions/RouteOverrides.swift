/// What the operator's routes folder says, read once for all adapters.
///
/// A file `<name>.yaml` (or `.yml`) is about the adapter that its `adapter` key names, else about the one of its own name; the first
/// in the order of names counts. `<name>.jsonl` adds examples.
public struct RouteOverrides: Sendable {
    struct Override: Sendable {
        var route: RouteYAML
        /// The file's name.
        var name: String
        var order: Int
    }

    /// A file that cannot be read, for the adapters that it may be about: the one of its name, and those that it mentions.
    struct Broken: Sendable {
        var stem: String
        var text: String
        var order: Int
        var error: RoutingError
    }

    /// Texts for no adapter, and so no examples of one of this name.
    static let negativesName = "none.jsonl"

    /// nil: there is none.
    let folder: String?
    private(set) var byAdapter: [String: Override] = [:]
    private(set) var broken: [Broken] = []
    /// Files of examples.
    private(set) var lines: Set<String> = []

    /// Cost: reads and parses every file of the folder.
    init(folder: String?, limits: RoutingLimits) {
        self.folder = folder
        guard let folder else { return }
        for (order, name) in RouteFiles.entries(of: folder).enumerated() {
            let stem = String(name[..<(name.lastIndex(of: ".") ?? name.endIndex)])
            if name.hasSuffix(".jsonl"), name != Self.negativesName { lines.insert(name) }
            guard name.hasSuffix(".yaml") || name.hasSuffix(".yml") else { continue }
            var text = ""
            do throws(RoutingError) {
                guard let read = try TextFile.read("\(folder)/\(name)", limitBytes: limits.fileBytes) else { continue }
                text = read
                let route = try RouteYAML.parse(text, place: "\(folder)/\(name)")
                let adapter = route.adapter ?? stem
                if byAdapter[adapter] == nil { byAdapter[adapter] = Override(route: route, name: name, order: order) }
            } catch {
                broken.append(Broken(stem: stem, text: text, order: order, error: error))
            }
        }
    }

    /// The file about an adapter. Throws the problem of a broken one that comes before it and may be about the adapter, too.
    func override(for adapter: String) throws(RoutingError) -> Override? {
        let found = byAdapter[adapter]
        if let problem = problems(of: adapter).first(where: { $0.order < found?.order ?? .max }) { throw problem.error }
        return found
    }

    /// Files that cannot be read and may be about the adapter.
    func problems(of adapter: String) -> [Broken] {
        broken.filter { $0.stem == adapter || $0.text.contains(adapter) }
    }
}
