internal import Glibc

extension AdapterStore {
    /// Copies a folder, or a LoRA file of llama.cpp into one of its own, into the store's: whole, as `.partial-NAME`, checked by loading it, and renamed into place. Without
    /// a name the source's own is used. Answers the name. Errors: `invalidName`, `exists`, and why the adapter is refused;
    /// nothing is left behind then.
    @discardableResult
    public func add(from source: String, name: String? = nil) throws(AdapterError) -> String {
        let name = name ?? Self.lastComponent(source)
        try AdapterName.check(name)
        let target = "\(folder)/\(name)"
        let partial = "\(folder)/.partial-\(name)"
        var status = stat()
        if let taken = lstat(target, &status) == 0 ? target : try AdapterPlaces(folder).place(of: name) {
            throw AdapterError(.exists, "\(taken) is there already; remove it first", adapter: name)
        }
        do throws(AdapterError) {
            if let (folder, file) = AdapterFile.lone(source), AdapterFile.isGGUF(file) {
                try FolderCopy.copy(try AdapterDirectory(path: folder), to: partial, limits: limits) { $0 == file }
            } else {
                try FolderCopy.copy(try AdapterDirectory(path: source), to: partial, limits: limits)
            }
            _ = try loader.load(try AdapterDirectory(path: partial))
            try FolderCopy.move(partial, to: target)
        } catch {
            try? FolderCopy.delete(partial)
            throw error.of(name)
        }
        refresh(name, settles: false)
        return name
    }

    /// Takes a folder out of service at once and deletes it; requests that hold the adapter finish. A folder with adapters in
    /// subfolders stays until they are removed. Errors: `invalidName`, `notFound`, `exists`, `io`.
    public func remove(_ name: String) throws(AdapterError) {
        try AdapterName.check(name)
        let removed = "\(folder)/.removed-\(name)"
        do throws(AdapterError) {
            let places = try AdapterPlaces(folder)
            let place = try places.place(of: name) ?? name
            let inner = place == name ? try places.inner(name) : []
            guard inner.isEmpty else {
                throw AdapterError(.exists, "its folder holds other adapters: remove \(listed(inner)) first")
            }
            try FolderCopy.delete(removed)
            guard rename("\(folder)/\(place)", removed) == 0 else {
                throw errno == ENOENT
                    ? AdapterError(.notFound, "no such adapter")
                    : AdapterError(.io, "cannot rename it: \(String(cString: strerror(errno)))")
            }
            forget(name)
            try FolderCopy.delete(removed)
            // Nothing is left of a folder that held nothing else.
            if place != name { rmdir("\(folder)/\(place.prefix { $0 != "/" })") }
        } catch {
            throw error.of(name)
        }
    }

    private static func lastComponent(_ path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        return AdapterFile.isGGUF(last) ? String(last.dropLast(AdapterFile.ggufEnding.count)) : last
    }
}
