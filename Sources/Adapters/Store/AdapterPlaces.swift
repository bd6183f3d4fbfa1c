internal import Files

/// Finds the folder of an adapter by its name.
///
/// `sql` is the folder `sql`. PEFT writes further adapters of a model into subfolders, each with a configuration of its own:
/// `sql/draft` is served as `sql.draft`, unless there is a folder `sql.draft`. A folder with a configuration and with such
/// subfolders serves all of them.
struct AdapterPlaces {
    private let root: AdapterDirectory

    /// Errors: `notFound`, `io`, `unavailable`.
    init(_ folder: String) throws(AdapterError) { root = try AdapterDirectory(path: folder) }

    init(_ root: AdapterDirectory) { self.root = root }

    /// The folder's path below the root, one or two components; nil when there is none. Errors: `io`, `unavailable` when the
    /// system cannot tell.
    func place(of name: String) throws(AdapterError) -> String? {
        if try isFolder(name) { return name }
        if try root.isDanglingLink(name) { return name }
        for index in name.indices where name[index] == "." {
            let inner = name[name.index(after: index)...]
            let place = "\(name[..<index])/\(inner)"
            if !AdapterName.isHidden(String(inner)), try isAdapter(place) { return place }
        }
        return nil
    }

    /// The contents of the root.
    struct Listing {
        /// A name for each adapter, and for what may be one soon; a link to nothing is listed, too. A subfolder whose name another
        /// folder has, or no adapter may have, is listed by its path, so that it can be reported.
        var names: [String] = []
        /// Folders whose subfolders could not be read; they are listed by their own names.
        var unread: Set<String> = []
        /// There is more than the limit.
        var isCut = false

        /// Whether an adapter that is not listed is gone, by the path of its folder below the root.
        func isComplete(for place: String) -> Bool { !isCut && !unread.contains(String(place.prefix { $0 != "/" })) }
    }

    /// Errors: `io`, `unavailable` when the root cannot be listed.
    func list(limit: Int) throws(AdapterError) -> Listing {
        var listing = Listing()
        let folders = try root.names(limit: limit + 1)
        listing.isCut = folders.count > limit
        for folder in folders.sorted() where !AdapterName.isHidden(folder) {
            do throws(AdapterError) {
                guard try isFolder(folder) else {
                    if try root.isDanglingLink(folder) { listing.names.append(folder) }
                    continue
                }
                listing.names += try names(in: folder)
            } catch {
                listing.names.append(folder)
                listing.unread.insert(folder)
            }
        }
        if listing.names.count > limit {
            listing.names.removeLast(listing.names.count - limit)
            listing.isCut = true
        }
        return listing
    }

    private func names(in folder: String) throws(AdapterError) -> [String] {
        let directory = try AdapterDirectory(folder, below: root)
        let inner = try subfolders(of: directory, folder)
        var names = inner.isEmpty ? [folder] : []
        if !inner.isEmpty, try directory.hasAdapterFiles() { names.append(folder) }
        for place in inner {
            let name = Self.name(of: place)
            let own = AdapterName.isValid(name) ? try self.place(of: name) : nil
            names.append(own == place ? name : place)
        }
        return names
    }

    /// Subfolders of the root itself with a configuration, sorted.
    func folders() throws(AdapterError) -> [String] {
        var folders: [String] = []
        for name in try root.names().sorted() where !AdapterName.isHidden(name) {
            if try isAdapter(name) { folders.append(name) }
        }
        return folders
    }

    /// Names of the adapters below a folder.
    func inner(_ folder: String) throws(AdapterError) -> [String] {
        guard try isFolder(folder) else { return [] }
        return try subfolders(of: AdapterDirectory(folder, below: root), folder).map(Self.name)
    }

    /// Throws `invalidName` for what `names` lists by its path.
    static func check(_ listed: String) throws(AdapterError) {
        guard listed.contains("/") else { return }
        let name = name(of: listed)
        try AdapterName.check(name)
        throw AdapterError(.invalidName, "its name would be \(name), which another folder has: rename one of them")
    }

    private static func name(of place: String) -> String { place.replacing("/", with: ".") }

    /// Paths of the subfolders with a configuration, sorted.
    private func subfolders(of directory: AdapterDirectory, _ folder: String) throws(AdapterError) -> [String] {
        var places: [String] = []
        for name in try directory.names().sorted() where !AdapterName.isHidden(name) {
            if try isAdapter("\(folder)/\(name)") { places.append("\(folder)/\(name)") }
        }
        return places
    }

    private func isFolder(_ name: String) throws(AdapterError) -> Bool {
        try root.status(name)?.kind == .folder
    }

    private func isAdapter(_ place: String) throws(AdapterError) -> Bool {
        guard try isFolder(place) else { return false }
        return try root.status("\(place)/\(AdapterFile.configuration)")?.kind == .file
    }
}
