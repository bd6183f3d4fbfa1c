internal import Glibc

extension AdapterStore {
    /// Copies a folder, or a LoRA file of llama.cpp, into a folder of the store: as `.partial-NAME`, which is checked by loading it and
    /// then renamed. Without a name the source's own is used. Returns the name. Errors: `invalidName`, `exists`, and why the adapter
    /// is refused; nothing is left behind then. With `replaces` a folder of that name is replaced once the new one has been checked.
    /// - Parameter files: those of the source folder that are copied, by their paths there; nil: all.
    @discardableResult
    public func add(
        from source: String, name: String? = nil, replaces: Bool = false, files: Set<String>? = nil
    ) throws(AdapterError) -> String {
        let name = name ?? Self.lastComponent(source)
        try AdapterName.check(name)
        let target = "\(folder)/\(name)"
        let partial = "\(folder)/.partial-\(name)"
        var status = stat()
        let taken = lstat(target, &status) == 0 ? target : try AdapterPlaces(folder).place(of: name)
        if let taken, !replaces || taken != target {
            throw AdapterError(.exists, "\(taken) is there already; remove it first", adapter: name)
        }
        do throws(AdapterError) {
            if let (folder, file) = AdapterFile.lone(source), AdapterFile.isGGUF(file) {
                try FolderCopy.copy(try AdapterDirectory(path: folder, followsSnapshots: true), to: partial, limits: limits) { $0 == file }
            } else {
                try FolderCopy.copy(try AdapterDirectory(path: source, followsSnapshots: true), to: partial, limits: limits) { files?.contains($0) ?? true }
            }
            _ = try loader.load(try AdapterDirectory(path: partial))
            if taken == nil {
                try FolderCopy.move(partial, to: target)
            } else {
                try exchange(target, for: partial, name)
            }
        } catch {
            try? FolderCopy.delete(partial)
            throw error.of(name)
        }
        refresh(name, settles: false)
        return name
    }

    /// Puts a checked folder in the place of an adapter's. Its version in memory serves until the new one is loaded: no scan looks
    /// while the name is not there.
    private func exchange(_ target: String, for checked: String, _ name: String) throws(AdapterError) {
        try scanning.withLock { _ in Result { () throws(AdapterError) in try exchangeNames(target, checked, name) } }.get()
    }

    private func exchangeNames(_ target: String, _ checked: String, _ name: String) throws(AdapterError) {
        if try FolderCopy.exchange(checked, target) { return try FolderCopy.delete(checked) }
        let aside = "\(folder)/.removed-\(name)"
        try FolderCopy.delete(aside)
        try FolderCopy.move(target, to: aside)
        do throws(AdapterError) {
            try FolderCopy.move(checked, to: target)
        } catch {
            try FolderCopy.move(aside, to: target)
            throw error
        }
        try FolderCopy.delete(aside)
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
