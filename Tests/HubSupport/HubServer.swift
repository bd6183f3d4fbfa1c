import Foundation
import Hub
import Synchronization

/// A server with the hub's protocol on a free port of this machine, for tests: repositories in memory, and whatever fault a test wants.
/// Another one may serve its large files, as content delivery networks do.
public final class HubServer: Sendable {
    public struct Repository: Sendable {
        public var files: [String: [UInt8]]
        public var commit: String
        /// JSON.
        public var card = "{}"
        /// Files whose hash is a SHA-256, as Git LFS keeps them.
        public var large: Set<String>

        public init(_ files: [String: [UInt8]], commit: String = String(repeating: "a1b2c3d4", count: 5)) {
            self.files = files
            self.commit = commit
            large = Set(files.keys.filter { $0.hasSuffix(".safetensors") || $0.hasSuffix(".gguf") || $0.hasSuffix(".bin") })
        }

        public func hash(_ name: String) -> String {
            ContentHash.of(files[name] ?? [], like: String(repeating: "0", count: large.contains(name) ? 64 : 40))
        }
    }

    /// Asked before each answer; what it returns is sent instead.
    public typealias Fault = @Sendable (HubRequestLine) -> HubAnswer?

    private struct State {
        var repositories: [String: Repository] = [:]
        var requests: [HubRequestLine] = []
        var fault: Fault?
        var delivery: String?
    }

    private let state = Mutex(State())
    private let socket: TestSocket
    /// Entries of a page of the list of files.
    private let pageSize: Int

    public init(pageSize: Int = 1_000) throws {
        self.pageSize = pageSize
        socket = try TestSocket()
        socket.serve { [weak self] request in self?.answer(request) ?? HubAnswer(status: 503) }
    }

    deinit { socket.close() }

    public var endpoint: String { "http://127.0.0.1:\(socket.port)" }

    /// What was asked, in order.
    public var requests: [HubRequestLine] { state.withLock { $0.requests } }

    public func forgetRequests() { state.withLock { $0.requests = [] } }

    public func set(_ id: String, _ repository: Repository) { state.withLock { $0.repositories[id] = repository } }

    public func set(fault: Fault?) { state.withLock { $0.fault = fault } }

    /// Large files are redirected to that server.
    public func deliver(by other: HubServer) { state.withLock { $0.delivery = other.endpoint } }

    // MARK: Answers

    private func answer(_ request: HubRequestLine) -> HubAnswer {
        let (fault, repositories, delivery) = state.withLock { state in
            state.requests.append(request)
            return (state.fault, state.repositories, state.delivery)
        }
        if let answer = fault?(request) { return answer }
        let parts = request.path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
        if parts.first == "content", let content = repositories.values.lazy.compactMap({ Self.content(parts.last ?? "", $0) }).first {
            return HubAnswer(content, for: request)
        }
        let isAPI = parts.starts(with: ["api", "models"])
        let rest = Array(isAPI ? parts.dropFirst(2) : parts[...])
        guard rest.count >= 4, let repository = repositories["\(rest[0])/\(rest[1])"] else {
            return HubAnswer(status: 401, headers: ["X-Error-Code: RepoNotFound", "X-Error-Message: Repository not found"])
        }
        let revision = rest[3]
        guard ["main", repository.commit].contains(revision) else {
            return HubAnswer(status: 404, headers: ["X-Error-Code: RevisionNotFound", "X-Error-Message: Invalid rev id: \(revision)"])
        }
        switch (isAPI, rest[2]) {
        case (true, "revision"):
            return HubAnswer(json: "{\"id\": \"\(rest[0])/\(rest[1])\", \"sha\": \"\(repository.commit)\", \"cardData\": \(repository.card), \"siblings\": []}")
        case (true, "tree"): return tree(repository, request)
        case (false, "resolve"): return file(rest.dropFirst(4).joined(separator: "/"), of: repository, request, delivery)
        default: return HubAnswer(status: 404)
        }
    }

    private static func content(_ hash: String, _ repository: Repository) -> [UInt8]? {
        repository.files.keys.first { repository.hash($0) == hash }.flatMap { repository.files[$0] }
    }

    private func tree(_ repository: Repository, _ request: HubRequestLine) -> HubAnswer {
        let first = request.query.split(separator: "&").first { $0.hasPrefix("cursor=") }.flatMap { Int($0.dropFirst(7)) } ?? 0
        let names = repository.files.keys.sorted()
        let entries = names.dropFirst(first).prefix(pageSize).map { name in
            let size = repository.files[name]?.count ?? 0
            let hash = repository.hash(name)
            let large = repository.large.contains(name) ? ", \"lfs\": {\"oid\": \"\(hash)\", \"size\": \(size), \"pointerSize\": 134}" : ""
            let oid = repository.large.contains(name) ? String(hash.prefix(40)) : hash
            return "{\"type\": \"file\", \"path\": \"\(name)\", \"size\": \(size), \"oid\": \"\(oid)\"\(large)}"
        }
        var answer = HubAnswer(json: "[{\"type\": \"directory\", \"path\": \"folder\", \"size\": 0, \"oid\": \"\"}\(entries.map { ", \($0)" }.joined())]")
        if first + pageSize < names.count {
            answer.headers.append("Link: <\(endpoint)\(request.path)?recursive=true&cursor=\(first + pageSize)>; rel=\"next\"")
        }
        return answer
    }

    private func file(_ name: String, of repository: Repository, _ request: HubRequestLine, _ delivery: String?) -> HubAnswer {
        guard let content = repository.files[name] else {
            return HubAnswer(status: 404, headers: ["X-Error-Code: EntryNotFound", "X-Repo-Commit: \(repository.commit)"])
        }
        let hash = repository.hash(name)
        guard repository.large.contains(name) else {
            var answer = HubAnswer(content, for: request)
            answer.headers += ["X-Repo-Commit: \(repository.commit)", "ETag: \"\(hash)\""]
            return answer
        }
        let linked = ["X-Repo-Commit: \(repository.commit)", "X-Linked-Etag: \"\(hash)\"", "X-Linked-Size: \(content.count)", "ETag: \"of-a-pointer\""]
        guard let delivery else {
            var answer = HubAnswer(content, for: request)
            answer.headers += linked
            return answer
        }
        return HubAnswer(status: 302, headers: linked + ["Location: \(delivery)/content/\(hash)"])
    }
}

/// One request, as it was read.
public struct HubRequestLine: Sendable {
    public var method: String
    /// Without the query; escapes are as they came.
    public var path: String
    public var query: String
    /// Names in small letters.
    public var headers: [String: String]
}

/// One answer, and what is wrong with it.
public struct HubAnswer: Sendable {
    public var status: Int
    public var headers: [String] = []
    public var body: [UInt8] = []
    /// What the header says; the connection closes after the body then.
    public var length: Int?

    public init(status: Int, headers: [String] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    public init(json: String) { self.init(status: 200, headers: ["Content-Type: application/json"], body: Array(json.utf8)) }

    /// A file or the part of it that is asked for.
    public init(_ content: [UInt8], for request: HubRequestLine) {
        guard let range = request.headers["range"], range.hasPrefix("bytes="), let start = Int(range.dropFirst(6).prefix { $0 != "-" }) else {
            self.init(status: 200, body: content)
            return
        }
        guard start < content.count else {
            self.init(status: 416, headers: ["Content-Range: bytes */\(content.count)"])
            return
        }
        self.init(
            status: 206, headers: ["Content-Range: bytes \(start)-\(content.count - 1)/\(content.count)"], body: Array(content[start...]))
    }

    /// The body ends after `count` bytes although more were announced.
    public func cut(after count: Int) -> HubAnswer {
        var answer = self
        answer.length = body.count
        answer.body = Array(body.prefix(count))
        return answer
    }
}
