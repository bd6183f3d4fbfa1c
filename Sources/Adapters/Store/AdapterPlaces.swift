internal import Glibc

/// Which folder below a store's an adapter's name means.
///
/// `sql` is the folder `sql`. PEFT writes further adapters of a model into subfolders, each with a configuration of its own:
/// `sql/draft` is served as `sql.draft`, unless there is a folder `sql.draft`. A folder with a configuration and with such
/// subfolders serves all of them.
struct AdapterPlaces {
    /// Subfolders of one folder that are looked at.
    private static let mostSubfolders = 1_000

    private let root: AdapterDirectory

    /// Errors: `notFound`, `io`.
    init(_ folder: String) throws(AdapterError) { root = try AdapterDirectory(path: folder) }

    init(_ root: AdapterDirectory) { self.root = root }

    /// The folder's path below the root, one or two components; nil when there is none.
    func place(of name: String) -> String? {
        if isFolder(name) { return name }
        for index in name.indices where name[index] == "." {
            let inner = name[name.index(after: index)...]
            let place = "\(name[..<index])/\(inner)"
            if !AdapterName.isHidden(String(inner)), isAdapter(place) { return place }
        }
        return nil
    }

    /// What a scan looks at: a name for each adapter, and for what may be one soon. A subfolder whose name another folder has, or
    /// no adapter may have, is listed by its path, so that somebody can be told.
    func names(limit: Int) -> [String] {
        var names: [String] = []
        for folder in ((try? root.names(limit: limit)) ?? []).sorted() where !AdapterName.isHidden(folder) && isFolder(folder) {
            let inner = subfolders(of: folder)
            if inner.isEmpty || hasFiles(folder) { names.append(folder) }
            names += inner.map { place in
                let name = Self.name(of: place)
                return AdapterName.isValid(name) && self.place(of: name) == place ? name : place
            }
        }
        return Array(names.prefix(limit))
    }

    /// Subfolders of the root itself with a configuration, sorted.
    var folders: [String] {
        ((try? root.names(limit: Self.mostSubfolders)) ?? []).sorted().filter { !AdapterName.isHidden($0) && isAdapter($0) }
    }

    /// Names of the adapters below a folder.
    func inner(_ folder: String) -> [String] { subfolders(of: folder).map(Self.name) }

    /// Throws `invalidName` for what `names` lists by its path.
    static func check(_ listed: String) throws(AdapterError) {
        guard listed.contains("/") else { return }
        let name = name(of: listed)
        try AdapterName.check(name)
        throw AdapterError(.invalidName, "its name would be \(name), which another folder has: rename one of them")
    }

    private static func name(of place: String) -> String { place.replacing("/", with: ".") }

    /// Paths of the subfolders with a configuration, sorted.
    private func subfolders(of folder: String) -> [String] {
        guard let directory = try? AdapterDirectory(folder, below: root) else { return [] }
        let names = (try? directory.names(limit: Self.mostSubfolders)) ?? []
        return names.sorted().filter { !AdapterName.isHidden($0) }.map { "\(folder)/\($0)" }.filter(isAdapter)
    }

    private func isFolder(_ name: String) -> Bool { root.status(name).map { $0.st_mode & S_IFMT == S_IFDIR } == true }

    private func isAdapter(_ place: String) -> Bool {
        isFolder(place) && root.status("\(place)/\(AdapterFile.configuration)").map { $0.st_mode & S_IFMT == S_IFREG } == true
    }

    /// Whether a folder has, or is about to have, an adapter of its own.
    private func hasFiles(_ folder: String) -> Bool {
        (try? AdapterDirectory(folder, below: root))?.hasAdapterFiles ?? false
    }
}
