internal import Files
internal import Tensors

/// Reads the routing data of adapters from disk.
///
/// In the adapter's folder it reads the first that exists: `route.yaml` (or `.yml`), else JSON lines `expert_<name>.jsonl` with
/// `description.txt` (airoboros). Without a description it takes the model card's. A file `routes/<name>.yaml` (or `.jsonl`, examples
/// only) overrides what the folder says, key by key.
///
/// An adapter's folder may come from a stranger: its `examples_file` stays inside, and links that lead out of it are refused.
/// The routes folder is the operator's: its `examples_file` may point anywhere (relative to the routes folder).
public struct RouteFiles: Sendable {
    public var routesFolder: String?
    /// Whether the routes folder need not exist: the default one need not, one that was named must.
    public var mayBeMissing: Bool
    public var limits: RoutingLimits

    private static let mostFiles = 10_000

    public init(routesFolder: String?, mayBeMissing: Bool = true, limits: RoutingLimits = .init()) {
        self.routesFolder = routesFolder
        self.mayBeMissing = mayBeMissing
        self.limits = limits
    }

    /// Refuses a routes folder that cannot be read: access rules in it would not be known. For the start.
    public func check() throws(RoutingError) {
        if let problem = overrides().problem { throw problem }
    }

    /// The routing data of one adapter; without any, a definition with no texts, which is never chosen.
    ///
    /// Throws the first problem, with file and line; the caller serves the adapter by name and says why it is not routed.
    public func definition(adapter: String, folder: String) throws(RoutingError) -> RouteDefinition {
        let reading = read(adapter: adapter, folder: folder, overrides: overrides())
        if let problem = reading.problem { throw problem }
        return reading.definition ?? RouteDefinition(adapter: adapter)
    }

    /// What the routes folder says, for many adapters.
    /// - Parameter last: what it said before, which counts while it cannot be read.
    public func overrides(after last: RouteOverrides? = nil) -> RouteOverrides {
        RouteOverrides(folder: routesFolder, mayBeMissing: mayBeMissing, limits: limits, last: last)
    }

    /// Texts that no adapter should answer: `none.jsonl` in the routes folder, JSON lines like those of examples; empty
    /// without one. Errors: also when the folder cannot be read.
    public func negatives() throws(RoutingError) -> [String] {
        guard let folder = routesFolder else { return [] }
        let opened: Folder
        do throws(FileError) {
            opened = try Folder(folder)
        } catch where error.code == .notFound && mayBeMissing {
            return []
        } catch {
            throw RoutingError(error)
        }
        let path = "\(folder)/\(RouteOverrides.negativesName)"
        guard let text = try TextFile.readLinked(RouteOverrides.negativesName, in: opened, limitBytes: limits.fileBytes) else { return [] }
        return try bounded(try ExampleLines.parse(text, place: path), path)
    }

    // MARK: One adapter

    /// Reads an adapter's files. Never throws: problems are part of the result.
    ///
    /// - Parameters:
    ///   - names: of all adapters, for files in the routes folder that cannot be read.
    ///   - last: what the look before found, which counts where files cannot be read now.
    public func read(
        adapter: String, folder: String, overrides: RouteOverrides, names: Set<String> = [], last: RouteReading? = nil
    ) -> RouteReading {
        var reading = RouteReading()
        do throws(FileError) {
            readOwn(adapter, try Folder(folder), overrides, last, &reading)
        } catch {
            // Away, or no descriptor left: everything stays as it was.
            reading.fail(RoutingError(error), last)
        }
        setAccess(adapter, overrides, names, last, &reading)
        return reading
    }

    private func readOwn(
        _ adapter: String, _ folder: Folder, _ overrides: RouteOverrides, _ last: RouteReading?, _ reading: inout RouteReading
    ) {
        var texts: [String] = []
        var own = RouteYAML()
        var name: String?
        do throws(RoutingError) {
            for candidate in Self.ownNames {
                guard let text = try TextFile.read(candidate, in: folder, limitBytes: limits.fileBytes) else { continue }
                name = candidate
                texts.append(text)
            }
            guard texts.count < 2 else {
                throw RoutingError(.malformedFile, "there are both \(Self.ownNames.joined(separator: " and ")); delete one", place: folder.path)
            }
            if let text = texts.first, let name { own = try RouteYAML.parse(text, place: "\(folder.path)/\(name)") }
            reading.own = own.handling
        } catch {
            reading.fail(error, last, speech: texts.isEmpty ? .unknown : AccessSpeech(of: texts.joined(separator: "\n")))
            return
        }
        do throws(RoutingError) {
            reading.definition = try definition(adapter, folder, own, name, overrides)
        } catch {
            reading.failRouting(error, last)
        }
    }

    private static let ownNames = ["route.yaml", "route.yml"]

    private func definition(
        _ adapter: String, _ folder: Folder, _ own: RouteYAML, _ ownName: String?, _ overrides: RouteOverrides
    ) throws(RoutingError) -> RouteDefinition {
        var route = own
        var sources = ownName.map { [$0] } ?? []
        if let file = route.examplesFile {
            route.examples = (route.examples ?? []) + (try strangersExamples(file, folder, named: "\(folder.path)/\(ownName ?? "")"))
        } else if sources.isEmpty, let name = try expertLines(folder) {
            route.examples = try strangersExamples(name, folder, named: folder.path)
            sources.append(name)
        }
        if route.description == nil, let (text, source) = try description(folder) {
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
            adapter: adapter, description: route.description, examples: try bounded(route.examples ?? [], folder.path),
            threshold: route.threshold, priority: route.priority ?? 0, isEnabled: route.isEnabled ?? true,
            handling: route.handling.handling, source: sources.joined(separator: " + "))
    }

    /// The operator's file about an adapter with all its examples. Throws the problem of a refused one that comes before it and may be
    /// about the adapter, too.
    private func override(
        for adapter: String, _ overrides: RouteOverrides
    ) throws(RoutingError) -> (RouteYAML, source: String)? {
        var route: RouteYAML?
        var sources: [String] = []
        let found = overrides.byAdapter[adapter]
        if let problem = overrides.problems(of: adapter).first(where: { $0.order < found?.order ?? .max }) { throw problem.error }
        if let found {
            if let problem = found.examplesProblem { throw problem }
            route = found.route
            sources.append("routes/\(found.name)")
        }
        switch overrides.lines[adapter] {
        case nil: break
        case .failed(let error): throw error
        case .read(let lines):
            var own = route ?? RouteYAML()
            own.examples = (own.examples ?? []) + lines
            route = own
            sources.append("routes/\(adapter).jsonl")
        }
        return route.map { ($0, sources.joined(separator: " + ")) }
    }

    private func expertLines(_ folder: Folder) throws(RoutingError) -> String? {
        do throws(FileError) {
            return try folder.listing(limit: Self.mostFiles).names.first { $0.hasPrefix("expert_") && $0.hasSuffix(".jsonl") }
        } catch {
            throw RoutingError(error)
        }
    }

    private func strangersExamples(_ file: String, _ folder: Folder, named place: String) throws(RoutingError) -> [String] {
        guard !file.hasPrefix("/"), !file.split(separator: "/").contains("..") else {
            throw RoutingError(.malformedFile, "`examples_file` must stay inside its folder: \(file)", place: place)
        }
        guard let text = try TextFile.read(file, in: folder, limitBytes: limits.fileBytes) else {
            throw RoutingError(.unreadableFile, "`examples_file` names \(file), which is not there", place: place)
        }
        return try ExampleLines.parse(text, place: "\(folder.path)/\(file)")
    }

    private func description(_ folder: Folder) throws(RoutingError) -> (text: String, source: String)? {
        if let text = try TextFile.read("description.txt", in: folder, limitBytes: limits.fileBytes) {
            let words = TextScan.singleSpaced(text)
            if !words.isEmpty { return (words, "description.txt") }
        }
        return try TextFile.read("README.md", in: folder, limitBytes: limits.fileBytes)
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
}

extension RouteReading {
    /// The adapter's folder or its route file cannot be read or is refused.
    fileprivate mutating func fail(_ error: RoutingError, _ last: RouteReading?, speech: AccessSpeech = .unknown) {
        own = last?.own
        ownSpeech = speech
        doubt = speech == .silent ? nil : error
        if speech == .silent, own == nil { own = .init() }
        failRouting(error, last)
    }

    /// What the system could not read does not change what is known: the last definition stays. What was read and refused does.
    fileprivate mutating func failRouting(_ error: RoutingError, _ last: RouteReading?) {
        isWorthRetrying = error.code == .unreadableFile
        if isWorthRetrying, let definition = last?.definition {
            self.definition = definition
            if doubt == nil { doubt = error }
        } else {
            problem = error
        }
    }
}
