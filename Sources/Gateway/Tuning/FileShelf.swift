internal import Files
import Generation
import JSON
import OpenAIAPI
internal import Synchronization

/// The files that clients uploaded and jobs made. Any thread but the loop: content is written and read on the caller's.
final class FileShelf: Sendable {
    private struct Entry {
        var file: FineTuningFile
        var owner: String
        /// Of arrival.
        var sequence: Int
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var next = 0
        /// Of uploads that are being written.
        var reserved = (files: 0, bytes: 0)
    }

    private let folder: TuningFolder
    private let limits: FineTuningLimits
    private let clock: @Sendable () -> Int
    private let state = Mutex(State())

    /// - Parameter clock: Unix seconds.
    init(_ folder: TuningFolder, limits: FineTuningLimits, clock: @escaping @Sendable () -> Int) {
        self.folder = folder
        self.limits = limits
        self.clock = clock
    }

    /// Reads the records. Returns those that cannot be read. Errors: the folder cannot be read.
    func load() throws(FileError) -> [String] {
        // Results of jobs are kept beside uploads.
        var (found, problems) = try folder.records(.files, limit: 2 * (limits.files + limits.jobs) + 1_000)
        for (id, record) in found {
            do throws(JSONError) {
                let (file, owner, sequence) = try Self.read(record, id)
                state.withLock { state in
                    state.entries[id] = Entry(file: file, owner: owner, sequence: sequence)
                    state.next = max(state.next, sequence + 1)
                }
            } catch {
                problems.append("\(folder.place(.files, id)): \(error)")
            }
        }
        return problems
    }

    // MARK: Adding

    /// Errors: `quotaExceeded`, those of the system.
    func add(_ upload: FileUpload, owner: String) throws -> FineTuningFile {
        let bytes = upload.content.count
        try state.withLock { state throws(APIError) in
            let uploads = state.entries.values.filter { $0.file.purpose == .fineTune }.count + state.reserved.files
            guard uploads < limits.files else {
                throw APIError(.quotaExceeded, "The server keeps \(limits.files) files at most; delete some.", param: "file")
            }
            let all = state.entries.values.reduce(state.reserved.bytes) { $0 + $1.file.bytes }
            guard bytes <= limits.allFilesBytes - all else {
                throw APIError(
                    .quotaExceeded, "The server keeps \(limits.allFilesBytes) bytes of files at most, of which \(all) are used; delete some.",
                    param: "file")
            }
            state.reserved.files += 1
            state.reserved.bytes += bytes
        }
        defer {
            state.withLock { state in
                state.reserved.files -= 1
                state.reserved.bytes -= bytes
            }
        }
        let now = clock()
        let file = FineTuningFile(
            id: TuningFolder.newIdentity("file-"), bytes: bytes, createdAt: now, name: upload.name, purpose: .fineTune,
            expiresAt: upload.expiresAfterSeconds.map { now + $0 })
        try store(file, upload.content, owner: owner)
        return file
    }

    /// What a job found out; it counts against no limit but that of jobs.
    func addResults(_ content: [UInt8], name: String, owner: String) throws -> FineTuningFile {
        let file = FineTuningFile(
            id: TuningFolder.newIdentity("file-"), bytes: content.count, createdAt: clock(), name: name, purpose: .results)
        try store(file, content[...], owner: owner)
        return file
    }

    private func store(_ file: FineTuningFile, _ content: ArraySlice<UInt8>, owner: String) throws {
        let sequence = state.withLock { state in
            state.next += 1
            return state.next - 1
        }
        do {
            try Folder.create("\(folder.place(.files, file.id))/content", mode: 0o700)
            try DurableFile.write(content, to: path(of: file))
            try folder.save(Self.record(file, owner, sequence), .files, file.id)
        } catch {
            try folder.delete(.files, file.id)
            guard error.isFull else { throw error }
            throw APIError(.quotaExceeded, "The server's disk has no room for \(file.bytes) bytes.", param: "file")
        }
        state.withLock { $0.entries[file.id] = Entry(file: file, owner: owner, sequence: sequence) }
    }

    // MARK: Looking

    /// Errors: `fileNotFound`.
    func file(_ id: String, for owner: FineTuningOwner) throws(APIError) -> FineTuningFile {
        guard let entry = state.withLock({ $0.entries[id] }), owner.sees(entry.owner) else {
            throw APIError(.fileNotFound, "No such File object: \(id)", param: "id")
        }
        return entry.file
    }

    /// The newest first, unless the query says otherwise. Errors: `invalidRequest` for an unknown place.
    func list(_ query: FileQuery, for owner: FineTuningOwner) throws(APIError) -> FineTuningPage<FineTuningFile> {
        let entries = state.withLock { Array($0.entries.values) }
        let wanted = entries.filter { owner.sees($0.owner) && (query.purpose == nil || $0.file.purpose.rawValue == query.purpose) }
        let sorted = wanted.sorted { query.isAscending ? $0.sequence < $1.sequence : $0.sequence > $1.sequence }
        let (elements, hasMore) = try page(sorted.map(\.file), query.place, id: \.id)
        return FineTuningPage(elements, hasMore: hasMore)
    }

    /// Some bytes of a file. Errors: those of the system.
    func content(_ file: FineTuningFile, from offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try DurableFile.piece(of: path(of: file), from: offset, count: count)
    }

    /// Where the content lies, under the client's name: its ending tells the format, and what a job writes names its data by it. The name
    /// has no folders in it (`FileUpload.name`).
    func path(of file: FineTuningFile) -> String { "\(folder.place(.files, file.id))/content/\(file.name)" }

    // MARK: Deleting

    func delete(_ id: String) throws {
        try folder.delete(.files, id)
        _ = state.withLock { $0.entries.removeValue(forKey: id) }
    }

    /// Files whose time is over.
    var expired: [String] {
        let now = clock()
        return state.withLock { state in state.entries.values.filter { $0.file.expiresAt.map { $0 <= now } ?? false }.map(\.file.id) }
    }

    // MARK: Records

    private static func record(_ file: FineTuningFile, _ owner: String, _ sequence: Int) -> JSONObject {
        var record: JSONObject = [
            "owner": .string(owner), "sequence": .integer(Int64(sequence)), "bytes": .integer(Int64(file.bytes)),
            "created_at": .integer(Int64(file.createdAt)), "filename": .string(file.name), "purpose": .string(file.purpose.rawValue),
        ]
        if let time = file.expiresAt { record["expires_at"] = .integer(Int64(time)) }
        return record
    }

    private static func name(_ cursor: JSONCursor) throws(JSONError) -> String {
        let name = try cursor.name()
        guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0) else {
            throw cursor.invalid("not the name of a file")
        }
        return name
    }

    private static func read(
        _ record: JSONCursor, _ id: String
    ) throws(JSONError) -> (file: FineTuningFile, owner: String, sequence: Int) {
        guard let purpose = FineTuningFile.Purpose(rawValue: try record["purpose"].name()) else {
            throw record["purpose"].invalid("unknown purpose")
        }
        let file = FineTuningFile(
            id: id, bytes: try record["bytes"].int(in: 0...Int.max), createdAt: try record["created_at"].int(),
            name: try Self.name(record["filename"]), purpose: purpose, expiresAt: try record["expires_at"].optionalInt())
        return (file, try record["owner"].string(), try record["sequence"].int(in: 0...(1 << 50)))
    }
}
