internal import Files

/// The operator's routes folder as it was read once, for all adapters: one snapshot, a value.
///
/// A file `<name>.yaml` (or `.yml`) is about the adapter that its `adapter` key names, otherwise about the one of its own name; of
/// several for one adapter the first in the order of names counts. `<name>.jsonl` adds examples.
///
/// While the folder cannot be read, its last content stays in force. While a file cannot be read, the last content that was understood
/// stays in force. A file loses its effect only when the folder could be listed and no longer has it.
public struct RouteOverrides: Sendable, Equatable {
    /// A file that was read, with the examples of its `examples_file`.
    struct Override: Sendable, Equatable {
        var route: RouteYAML
        /// The file's name.
        var name: String
        var order: Int
        /// Why the examples of `examples_file` cannot be read.
        var examplesProblem: RoutingError?
    }

    /// A file that cannot be read or is refused.
    struct Broken: Sendable, Equatable {
        /// The file's name.
        var name: String
        var order: Int
        var error: RoutingError
        /// What it said when it was last understood.
        var last: RouteYAML?
        /// Its words, of which some may be adapters' names; nil when nothing of it could be read.
        var words: Set<String>?
        /// Whether it is about access.
        var speech = AccessSpeech.unknown

        var stem: String { RouteOverrides.stem(name) }
    }

    /// Lines of `<name>.jsonl`.
    enum Lines: Sendable, Equatable {
        case read([String])
        case failed(RoutingError)
    }

    /// Texts for no adapter, and so no examples of an adapter `none`.
    static let negativesName = "none.jsonl"
    private static let mostFiles = 100_000

    /// nil: the service has none.
    private(set) var folder: String?
    private(set) var byAdapter: [String: Override] = [:]
    private(set) var broken: [Broken] = []
    private(set) var lines: [String: Lines] = [:]
    /// By file name, why a file has no effect.
    public private(set) var withoutEffect: [String: String] = [:]
    /// By file name, the adapter that a file is about.
    public private(set) var subjects: [String: String] = [:]
    /// By file name, what each file said when it was last understood.
    private var understood: [String: RouteYAML] = [:]
    /// Why the folder cannot be read.
    private(set) var problem: RoutingError?
    /// The folder could never be read, so that no rule in it is known.
    private(set) var isUnknown = false
    /// There was no such folder so far.
    private var isAbsent = false

    /// - Parameters:
    ///   - mayBeMissing: there need not be such a folder.
    ///   - last: what was read before, for what cannot be read now.
    /// Cost: reads and parses every file of the folder.
    init(folder: String?, mayBeMissing: Bool = true, limits: RoutingLimits, last: RouteOverrides? = nil) {
        self.folder = folder
        guard let folder else { return }
        do throws(FileError) {
            let opened = try Folder(folder)
            let names = try opened.listing(limit: Self.mostFiles)
            guard !names.isCut else { throw FileError(.limitExceeded, folder, "more than \(Self.mostFiles) files") }
            for (order, name) in names.names.filter({ !$0.hasPrefix(".") }).enumerated() {
                read(name, order, opened, limits, last?.understood[name])
            }
        } catch {
            let wasThere = last.map { !$0.isAbsent } ?? false
            if error.code == .notFound, mayBeMissing, !wasThere {
                isAbsent = true
                return
            }
            if let last, wasThere { self = last } else { isUnknown = true }
            problem = RoutingError(error)
        }
    }

    private mutating func read(_ name: String, _ order: Int, _ folder: Folder, _ limits: RoutingLimits, _ last: RouteYAML?) {
        if name == Self.negativesName { return }
        if name.hasSuffix(".jsonl") {
            lines[Self.stem(name)] = readLines(name, folder, limits)
            subjects[name] = Self.stem(name)
        } else if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
            readRoute(name, order, folder, limits, last)
        } else if [".yaml", ".yml", ".jsonl", ".json"].contains(where: name.lowercased().hasSuffix) {
            withoutEffect[name] = "it is not read: only names that end in .yaml, .yml or .jsonl are"
        }
    }

    private func readLines(_ name: String, _ folder: Folder, _ limits: RoutingLimits) -> Lines {
        do throws(RoutingError) {
            let place = "\(folder.path)/\(name)"
            guard let text = try TextFile.readLinked(name, in: folder, limitBytes: limits.fileBytes) else { throw Self.vanished(place) }
            return .read(try ExampleLines.parse(text, place: place))
        } catch {
            return .failed(error)
        }
    }

    private mutating func readRoute(_ name: String, _ order: Int, _ folder: Folder, _ limits: RoutingLimits, _ last: RouteYAML?) {
        let place = "\(folder.path)/\(name)"
        var text: String?
        do throws(RoutingError) {
            text = try TextFile.readLinked(name, in: folder, limitBytes: limits.fileBytes)
            guard let text else { throw Self.vanished(place) }
            let route = try RouteYAML.parse(text, place: place)
            understood[name] = route
            let adapter = route.adapter ?? Self.stem(name)
            subjects[name] = adapter
            if let first = byAdapter[adapter] {
                withoutEffect[name] = "\(first.name), which comes before it, is about `\(adapter)`, too"
            } else {
                byAdapter[adapter] = withExamples(Override(route: route, name: name, order: order), limits)
            }
        } catch {
            understood[name] = last
            broken.append(
                Broken(
                    name: name, order: order, error: error, last: last, words: text.map(Self.words),
                    speech: text.map(AccessSpeech.init) ?? .unknown))
        }
    }

    /// `examples_file` is relative to the folder and may point anywhere.
    private func withExamples(_ override: Override, _ limits: RoutingLimits) -> Override {
        guard let folder, let file = override.route.examplesFile else { return override }
        var override = override
        let path = file.hasPrefix("/") ? file : "\(folder)/\(file)"
        do throws(RoutingError) {
            let lines = try ExampleLines.parse(try TextFile.read(path: path, limitBytes: limits.fileBytes), place: path)
            override.route.examples = (override.route.examples ?? []) + lines
        } catch {
            override.examplesProblem = RoutingError(
                error.code, "`examples_file` names \(file): \(error.message)", place: "\(folder)/\(override.name)")
        }
        return override
    }

    private static func vanished(_ place: String) -> RoutingError {
        RoutingError(.unreadableFile, "it vanished while the folder was read", place: place)
    }

    static func stem(_ name: String) -> String { String(name[..<(name.lastIndex(of: ".") ?? name.endIndex)]) }

    /// What may be a name of an adapter in a text.
    private static func words(_ text: String) -> Set<String> {
        func isPart(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
        return Set(text.utf8.split { !isPart($0) }.filter { $0.count <= RouteIndex.longestName }.compactMap { String($0) })
    }

    // MARK: For one adapter

    /// Refused files that may be about the adapter: the one that was about it before, and, of files that were never understood, those
    /// of its name and those that mention it.
    func problems(of adapter: String) -> [Broken] {
        broken.filter { file in
            if let last = file.last { return (last.adapter ?? file.stem) == adapter }
            return file.stem == adapter || file.words?.contains(adapter) == true
        }
    }

    /// Whether a file may be about any adapter: it was never understood, and neither its name nor a word of it is one's name.
    func isAboutAnything(_ file: Broken, among names: Set<String>) -> Bool {
        file.last == nil && !names.contains(file.stem) && file.words?.isDisjoint(with: names) ?? true
    }

    /// Whether reading again may succeed though no file changed: the system refused, or a file vanished.
    public var isWorthRetrying: Bool {
        problem != nil || broken.contains { $0.error.code == .unreadableFile }
            || lines.values.contains { if case .failed(let error) = $0 { error.code == .unreadableFile } else { false } }
    }

    /// Whether the folder could be read, or is allowed to be missing and always was.
    public var isFolderKnown: Bool { problem == nil }

    /// Why rules are not certain, one reason for each place.
    public var doubts: [RoutingError] { (problem.map { [$0] } ?? []) + broken.filter { $0.speech != .silent }.map(\.error) }
}
