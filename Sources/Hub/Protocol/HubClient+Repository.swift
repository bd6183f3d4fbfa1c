internal import Files
internal import JSON

/// What the hub says of a repository at one commit.
struct HubRepositoryInfo {
    /// 40 hexadecimal digits.
    var commit: String
    var card: ModelCard
}

extension HubClient {
    /// Errors: those of refusals, `malformed`.
    func info(_ repository: HubRepository, revision: String) throws(HubError) -> HubRepositoryInfo {
        let url = try url("api/models/\(repository.id)/revision/\(HubURL.escaped(revision))")
        let document = try document(url, about: HubSubject(repository: repository, revision: revision)).value
        guard let commit = document["sha"]?.stringValue, HexName.isCommit(commit) else {
            throw HubError(.malformed, "\(host) names no commit for `\(revision)`. Check that HF_ENDPOINT names a hub", place: repository.id)
        }
        return HubRepositoryInfo(commit: commit, card: ModelCard(document["cardData"] ?? .null))
    }

    /// All files at a commit, in the order of the hub. Errors: `unsafeName` when one of them could leave a folder, `limitExceeded`, and
    /// those of refusals.
    func files(_ repository: HubRepository, commit: String) throws(HubError) -> [HubFile] {
        let subject = HubSubject(repository: repository, revision: commit)
        let first = try url("api/models/\(repository.id)/tree/\(commit)?recursive=true")
        var page: HubURL? = first
        var files: [HubFile] = []
        var names: Set<String> = []
        for _ in 0..<limits.pages {
            guard let url = page else { return files }
            let (document, next) = try document(url, about: subject)
            guard let entries = document.arrayValue else {
                throw HubError(.malformed, "\(host) gives no list of files. Check that HF_ENDPOINT names a hub", place: repository.id)
            }
            for entry in entries where entry["type"]?.stringValue == "file" {
                let file = try file(entry, repository)
                guard names.insert(file.name).inserted else { continue }
                files.append(file)
            }
            guard files.count <= limits.files else { throw HubError(.limitExceeded, "more than \(limits.files) files", place: repository.id) }
            page = try next.map { text throws(HubError) in
                guard let following = url.following(text), following.isSameOrigin(as: first) else {
                    throw HubError(.malformed, "the next page of files is said to be on another host", place: repository.id)
                }
                return following
            }
        }
        throw HubError(.limitExceeded, "more than \(limits.pages) pages of files", place: repository.id)
    }

    private func file(_ entry: JSONValue, _ repository: HubRepository) throws(HubError) -> HubFile {
        guard let name = entry["path"]?.stringValue else {
            throw HubError(.malformed, "\(host) lists a file without a name", place: repository.id)
        }
        do throws(FileError) {
            try PathCheck.staysInside(name)
        } catch {
            throw HubError(.unsafeName, "it lists a file with the name `\(HubError.shown(name))`: \(error.message); nothing was fetched", place: repository.id)
        }
        guard name.split(separator: "/").allSatisfy({ $0 != "." }), !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            throw HubError(.unsafeName, "it lists a file with the name `\(HubError.shown(name))`; nothing was fetched", place: repository.id)
        }
        let large = entry["lfs"]
        let size = large?["size"]?.intValue ?? entry["size"]?.intValue
        let hash = (large?["oid"] ?? large?["sha256"] ?? (large?.objectValue == nil ? entry["oid"] : nil))?.stringValue?.lowercased() ?? ""
        // What is missing here is asked for file by file.
        return HubFile(name: name, size: size.flatMap { $0 >= 0 ? $0 : nil } ?? -1, hash: Self.known(hash) ?? "")
    }

    /// A name that a content can have in the cache; nil for other entity tags, which mirrors may send.
    private static func known(_ tag: String?) -> String? {
        tag.flatMap { HexName.isCommit($0) || HexName.isSHA256($0) ? $0 : nil }
    }

    /// The file with the size and hash of `HEAD …/resolve`, where the server sends them, and of the list otherwise.
    /// Errors: `malformed` where neither has them or both differ, `limitExceeded`, and those of refusals.
    func checked(_ file: HubFile, in repository: HubRepository, at commit: String) throws(HubError) -> HubFile {
        let subject = HubSubject(repository: repository, revision: commit, file: file.name)
        let place = "\(repository.id)/\(file.name)"
        let url = try address(of: file.name, in: repository, at: commit)
        let outcome = try retrying(place) { () throws(TransferFailure) in
            let outcome = try attempt(.head, url, staysOnHub: true, timeoutMilliseconds: limits.documentMilliseconds) { _, _ in }
            guard outcome.last.status == 200 || outcome.last.isRedirect else { throw HubRefusal(outcome, self).failure(about: subject) }
            return outcome
        }
        let head = outcome.first
        if let answered = head["x-repo-commit"], answered != commit {
            throw HubError(.malformed, "\(host) answers for commit \(HubError.shown(answered)) when it is asked for \(commit)", place: place)
        }
        var file = file
        let size = head.size("x-linked-size") ?? (head.isRedirect || head["content-encoding"].map { $0 != "identity" } == true ? nil : head.size("content-length"))
        if let size, file.size >= 0, size != file.size, head["x-linked-size"] != nil {
            throw HubError(.malformed, "\(host) lists \(file.size) bytes and then says \(size)", place: place)
        }
        if file.size < 0 { file.size = size ?? -1 }
        let linked = Self.known(head.tag("x-linked-etag"))
        if let linked, linked != file.hash, linked.utf8.count == file.hash.utf8.count {
            throw HubError(.malformed, "\(host) lists the hash \(file.hash) and then says \(linked)", place: place)
        }
        // A plain tag may be of anything, such as a proxy's own: the list goes before it.
        if file.hash.isEmpty { file.hash = linked ?? (head["x-linked-etag"] == nil && !head.isRedirect ? Self.known(head.tag("etag")) : nil) ?? "" }
        guard file.size >= 0, !file.hash.isEmpty else {
            throw HubError(.malformed, "\(host) names no \(file.size < 0 ? "size" : "hash") for it, so it could not be verified", place: place)
        }
        guard file.size <= limits.fileBytes else {
            throw HubError(.limitExceeded, "\(file.size) bytes; at most \(limits.fileBytes) are fetched", place: place)
        }
        return file
    }
}
