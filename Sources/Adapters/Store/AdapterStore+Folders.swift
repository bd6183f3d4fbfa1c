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
        let isTaken = try checkFree(name, replaces: replaces)
        let partial = "\(folder)/.partial-\(name)"
        do throws(AdapterError) {
            if let (folder, file) = AdapterFile.lone(source), AdapterFile.isGGUF(file) {
                try FolderCopy.copy(try AdapterDirectory(path: folder, followsSnapshots: true), to: partial, limits: limits) { $0 == file }
            } else {
                try FolderCopy.copy(try AdapterDirectory(path: source, followsSnapshots: true), to: partial, limits: limits) { files?.contains($0) ?? true }
            }
            try put(partial, as: name, replaces: isTaken)
        } catch {
            try? FolderCopy.delete(partial)
            throw error.of(name)
        }
        refresh(name, settles: false)
        return name
    }

    /// Files that are uploaded for adapters of this store.
    public var uploads: AdapterUploads { AdapterUploads(folder: folder, limits: limits) }

    /// Makes an upload an adapter, as `add` does with a copy: it is checked by loading it, and renamed. One that is refused stays, so that
    /// a file can be sent again. Errors: as of `add`; `notFound` when nothing was uploaded, `notReady` for a file that is not whole.
    public func publish(_ name: String, replaces: Bool = false) throws(AdapterError) {
        let isTaken = try checkFree(name, replaces: replaces)
        do throws(AdapterError) {
            try uploads.checkWhole(name)
            let place = uploads.place(of: name)
            try FolderCopy.flushFolder(place)
            try put(place, as: name, replaces: isTaken)
        } catch {
            throw error.of(name)
        }
        refresh(name, settles: false)
    }

    /// Whether a folder of that name is there and may be replaced. Errors: `invalidName`; `exists` when it may not.
    private func checkFree(_ name: String, replaces: Bool) throws(AdapterError) -> Bool {
        try AdapterName.check(name)
        let target = "\(folder)/\(name)"
        var status = stat()
        let taken = lstat(target, &status) == 0 ? target : try AdapterPlaces(folder).place(of: name)
        if let taken, !replaces || taken != target {
            throw AdapterError(.exists, "\(taken) is there already; remove it first", adapter: name)
        }
        return taken != nil
    }

    /// Checks a folder of files by loading it, and gives it the adapter's name.
    private func put(_ files: String, as name: String, replaces: Bool) throws(AdapterError) {
        _ = try loader.load(try AdapterDirectory(path: files))
        if replaces {
            try exchange("\(folder)/\(name)", for: files, name)
        } else {
            try FolderCopy.move(files, to: "\(folder)/\(name)")
        }
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
