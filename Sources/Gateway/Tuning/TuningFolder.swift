internal import Adapters
internal import Files
import JSON
import OpenAIAPI
internal import Tensors

/// Where files and jobs lie: `files/file-…/record.json` with `content/NAME`, and `jobs/ftjob-…/record.json` with `events.jsonl` and
/// `steps.jsonl`. Only the service's user may read them.
struct TuningFolder: Sendable {
    enum Kind: String {
        case files, jobs

        /// Of the identities.
        var prefix: String { self == .files ? "file-" : "ftjob-" }
    }

    let path: String

    static let recordBytes = 1 << 20

    /// Makes the folder. Errors: those of the system.
    init(_ path: String) throws(FileError) {
        self.path = path
        for folder in [path, "\(path)/files", "\(path)/jobs"] { try Folder.create(folder, mode: 0o700) }
    }

    func place(_ kind: Kind, _ id: String) -> String { "\(path)/\(kind.rawValue)/\(id)" }

    /// Writes a record; its folder is made with the first one.
    func save(_ record: JSONObject, _ kind: Kind, _ id: String) throws(FileError) {
        try Folder.create(place(kind, id), mode: 0o700)
        try DurableFile.write(JSONValue.object(record).serializedBytes(), to: "\(place(kind, id))/record.json")
    }

    /// Deletes a record and what belongs to it.
    func delete(_ kind: Kind, _ id: String) throws {
        try FolderCopy.delete(place(kind, id))
    }

    /// All records that can be read, and why others cannot. A folder without a record is the rest of an upload that never ended, and is
    /// deleted.
    func records(_ kind: Kind, limit: Int) throws(FileError) -> (found: [(id: String, record: JSONCursor)], problems: [String]) {
        var found: [(id: String, record: JSONCursor)] = []
        var problems: [String] = []
        for name in try Folder.names("\(path)/\(kind.rawValue)", limit: limit) where Self.isIdentity(name, kind) {
            let file = "\(place(kind, name))/record.json"
            do {
                let bytes = try RegularFile.contents(file, limitBytes: Self.recordBytes)
                found.append((name, JSONCursor(try JSONValue.parse(bytes, maxDepth: 16))))
            } catch let error as FileError where error.code == .notFound {
                do {
                    try delete(kind, name)
                } catch {
                    problems.append("\(error)")
                }
            } catch {
                problems.append("\(file): \(error)")
            }
        }
        return (found, problems)
    }

    static func newIdentity(_ prefix: String) -> String {
        let digits = Array("0123456789abcdef")
        return prefix + String((0..<24).map { _ in digits[Int.random(in: 0..<16)] })
    }

    private static func isIdentity(_ name: String, _ kind: Kind) -> Bool {
        let digits = name.utf8.dropFirst(kind.prefix.utf8.count)
        return name.hasPrefix(kind.prefix) && digits.count == 24 && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}

extension FineTuningOwner {
    /// What records are kept under. Of a key without a name it is a digest.
    var text: String {
        switch identity {
        case .anyone: ""
        case .name(let name): "name:\(name)"
        case .key(let bytes): "key:\(ContentDigest(of: bytes).hexadecimal)"
        }
    }

    func sees(_ owner: String) -> Bool { isAdmin || text == owner }
}

/// A part of a list of elements with identities.
func page<Element: Sendable>(
    _ elements: [Element], _ place: ListPlace, id: (Element) -> String
) throws(APIError) -> (elements: [Element], hasMore: Bool) {
    var rest = elements[...]
    if let after = place.after {
        guard let index = rest.firstIndex(where: { id($0).utf8.elementsEqual(after.utf8) }) else {
            throw APIError(.invalidRequest, "`after`: the list has no such element", param: "after")
        }
        rest = rest[(index + 1)...]
    }
    return (Array(rest.prefix(place.limit)), rest.count > place.limit)
}
