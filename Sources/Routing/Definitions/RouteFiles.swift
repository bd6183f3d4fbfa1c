import Glibc
internal import Tensors

/// Reads the routing data of adapters from disk.
///
/// In the adapter's folder, the first that is there: `route.yaml`; else JSON lines `expert_<name>.jsonl` with
/// `description.txt` (airoboros); the description falls back to the model card's. A file `routes/<name>.yaml` (or
/// `.jsonl`, examples only) overrides key by key what the folder says.
///
/// An adapter's folder comes from strangers: its `examples_file` stays inside, and links that lead out of it are refused.
/// The routes folder is the operator's: its `examples_file` may point anywhere (relative to the routes folder).
public struct RouteFiles: Sendable {
    public var routesFolder: String?
    public var limits: RoutingLimits

    public init(routesFolder: String?, limits: RoutingLimits = .init()) {
        self.routesFolder = routesFolder
        self.limits = limits
    }

    /// The routing data of one adapter; without any, a definition with no texts, which is never chosen.
    ///
    /// Throws the first problem, with file and line; the caller serves the adapter by name and says why it is not routed.
    public func definition(adapter: String, folder: String) throws(RoutingError) -> RouteDefinition {
        try definition(adapter: adapter, folder: folder, overrides: overrides())
    }

    /// What the routes folder says, for the definitions of many adapters.
    public func overrides() -> RouteOverrides { RouteOverrides(folder: routesFolder, limits: limits) }

    /// Texts that no adapter should answer: `none.jsonl` in the routes folder, JSON lines like those of examples; empty
    /// without one.
    public func negatives() throws(RoutingError) -> [String] {
        guard let folder = routesFolder else { return [] }
        let path = "\(folder)/\(RouteOverrides.negativesName)"
        guard let text = try TextFile.read(path, limitBytes: limits.fileBytes) else { return [] }
        return try bounded(try ExampleLines.parse(text, place: path), path)
    }

    /// The same with overrides that were read before.
    public func definition(
        adapter: String, folder: String, overrides: RouteOverrides
    ) throws(RoutingError) -> RouteDefinition {
        var route = RouteYAML()
        var sources: [String] = []
        if let text = try TextFile.read("\(folder)/route.yaml", within: folder, limitBytes: limits.fileBytes) {
            route = try RouteYAML.parse(text, place: "\(folder)/route.yaml")
            sources.append("route.yaml")
            if let file = route.examplesFile {
                let lines = try strangersExamples(file: file, folder: folder, named: "\(folder)/route.yaml")
                route.examples = (route.examples ?? []) + lines
            }
        } else if let name = Self.entries(of: folder).first(where: { $0.hasPrefix("expert_") && $0.hasSuffix(".jsonl") }) {
            route.examples = try strangersExamples(file: name, folder: folder, named: folder)
            sources.append(name)
        }
        if route.description == nil, let (text, source) = try description(folder: folder) {
            route.description = text
            sources.append(source)
        }
        if let (override, source) = try override(for: adapter, overrides) {
            route.description = override.description ?? route.description
            route.examples = override.examples ?? route.examples
            route.threshold = override.threshold ?? route.threshold
            route.priority = override.priority ?? route.priority
            route.isEnabled = override.isEnabled ?? route.isEnabled
            route.handling = override.handling.over(route.handling)
            sources.append(source)
        }
        return RouteDefinition(
            adapter: adapter, description: route.description, examples: try bounded(route.examples ?? [], folder),
            threshold: route.threshold, priority: route.priority ?? 0, isEnabled: route.isEnabled ?? true,
            handling: route.handling.handling, source: sources.joined(separator: " + "))
    }

    /// The operator's override with all its examples.
    private func override(
        for adapter: String, _ overrides: RouteOverrides
    ) throws(RoutingError) -> (RouteYAML, source: String)? {
        guard let folder = overrides.folder else { return nil }
        var route: RouteYAML?
        var sources: [String] = []
        if let found = try overrides.override(for: adapter) {
            var own = found.route
            if let file = own.examplesFile {
                let target = file.hasPrefix("/") ? file : "\(folder)/\(file)"
                let lines = try examples(path: target, file: file, within: nil, named: "\(folder)/\(found.name)")
                own.examples = (own.examples ?? []) + lines
            }
            route = own
            sources.append("routes/\(found.name)")
        }
        let name = "\(adapter).jsonl"
        if overrides.lines.contains(name), let text = try TextFile.read("\(folder)/\(name)", limitBytes: limits.fileBytes) {
            let lines = try ExampleLines.parse(text, place: "\(folder)/\(name)")
            var own = route ?? RouteYAML()
            own.examples = (own.examples ?? []) + lines
            route = own
            sources.append("routes/\(name)")
        }
        return route.map { ($0, sources.joined(separator: " + ")) }
    }

    private func strangersExamples(
        file: String, folder: String, named place: String
    ) throws(RoutingError) -> [String] {
        guard !file.hasPrefix("/"), !file.split(separator: "/").contains("..") else {
            throw RoutingError(.malformedFile, "`examples_file` must stay inside its folder: \(file)", place: place)
        }
        return try examples(path: "\(folder)/\(file)", file: file, within: folder, named: place)
    }

    private func examples(
        path: String, file: String, within folder: String?, named place: String
    ) throws(RoutingError) -> [String] {
        guard let text = try TextFile.read(path, within: folder, limitBytes: limits.fileBytes) else {
            throw RoutingError(.unreadableFile, "`examples_file` names \(file), which is not there", place: place)
        }
        return try ExampleLines.parse(text, place: path)
    }

    private func description(folder: String) throws(RoutingError) -> (text: String, source: String)? {
        if let text = try TextFile.read("\(folder)/description.txt", within: folder, limitBytes: limits.fileBytes) {
            let words = TextScan.singleSpaced(text)
            if !words.isEmpty { return (words, "description.txt") }
        }
        return try TextFile.read("\(folder)/README.md", within: folder, limitBytes: limits.fileBytes)
            .flatMap(ModelCard.description).map { ($0, "README.md") }
    }

    /// Drops empty texts and duplicates, cuts long ones, and refuses more examples than the limit.
    private func bounded(_ examples: [String], _ folder: String) throws(RoutingError) -> [String] {
        guard examples.count <= limits.examplesPerAdapter else {
            throw RoutingError(
                .limitExceeded, "\(examples.count) examples; at most \(limits.examplesPerAdapter) are indexed",
                place: folder)
        }
        var seen: Set<ContentDigest> = []
        return examples.map { String(TextScan.prefix($0[...], bytes: limits.exampleBytes)) }
            .filter { !TextScan.isBlank($0) && seen.insert(ContentDigest(of: $0)).inserted }
    }

    /// Names in a folder, sorted; empty when there is no such folder.
    static func entries(of folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
