internal import Files
internal import JSON

/// `store.json`: what a store is made for and which segment files it consists of. It is replaced as a whole, by a rename: that is how a
/// segment begins to count and ceases to.
struct StoreManifest: Sendable, Equatable {
    static let name = "store.json"
    static let format = 1
    private static let limitBytes = 4 << 20

    struct Segment: Sendable, Equatable {
        var number: UInt64
        /// Its length, when nothing is appended any more. The last segment has none.
        var bytes: Int?
    }

    var identity: StoreIdentity
    /// No fact has this id or a greater one, apart from those of the last segment.
    var nextFact: UInt64 = 1
    /// No file has this number or a greater one, apart from leftovers of an interrupted write.
    var nextSegment: UInt64 = 1
    /// In the order in which they were written.
    var segments: [Segment] = []

    init(identity: StoreIdentity) { self.identity = identity }

    var bytes: [UInt8] {
        let list = segments.map { segment in
            var object = JSONObject([("number", .integer(Int64(segment.number)))])
            object["bytes"] = segment.bytes.map { .integer(Int64($0)) }
            return JSONValue.object(object)
        }
        let value = JSONValue.object(
            JSONObject([
                ("format", .integer(Int64(Self.format))), ("base", .string(identity.base)), ("encoder", .string(identity.encoder)),
                ("site", .integer(Int64(identity.site))), ("hidden", .integer(Int64(identity.hidden))),
                ("dimension", .integer(Int64(identity.dimension))), ("next_fact", .integer(Int64(nextFact))),
                ("next_segment", .integer(Int64(nextSegment))), ("segments", .array(list)),
            ]))
        return value.serializedBytes(pretty: true)
    }

    /// Nil when the folder has no manifest. Errors: `malformed`, `mismatched` for a later format, `unavailable`.
    static func read(_ folder: Folder) throws(MemoryError) -> StoreManifest? {
        let place = "\(folder.path)/\(name)"
        let bytes: [UInt8]
        do throws(FileError) {
            guard let file = try folder.file(name) else { return nil }
            bytes = try file.contents(limitBytes: limitBytes)
        } catch {
            throw MemoryError(error)
        }
        do throws(JSONError) {
            return try StoreManifest(JSONCursor(try JSONValue.parse(bytes)), place: place)
        } catch {
            throw MemoryError(.malformed, error.description, place: place)
        }
    }

    private init(_ json: JSONCursor, place: String) throws(JSONError) {
        let format = try json["format"].int()
        guard format == Self.format else {
            throw json["format"].invalid(
                "format \(format); this program reads format \(Self.format): use the version that wrote the store, or a later one")
        }
        identity = StoreIdentity(
            base: try json["base"].string(), encoder: try json["encoder"].string(), site: try json["site"].int(in: 0...StoreLimits.elements),
            hidden: try json["hidden"].int(in: 1...StoreLimits.elements), dimension: try json["dimension"].int(in: 1...StoreLimits.elements))
        nextFact = UInt64(try json["next_fact"].int(in: 1...Int.max))
        nextSegment = UInt64(try json["next_segment"].int(in: 1...Int.max))
        let list = try json["segments"].array()
        for (index, entry) in list.enumerated() {
            let number = try entry["number"].int(in: 1...Int.max)
            guard number < nextSegment, !segments.contains(where: { $0.number == number }) else {
                throw entry["number"].invalid("segment \(number) is listed twice, or not below next_segment (\(nextSegment))")
            }
            let bytes = try entry["bytes"].optionalInt(in: SegmentFile.headerBytes...Int.max)
            guard (bytes == nil) == (index == list.count - 1) else {
                throw entry["bytes"].invalid("every segment but the last has its length")
            }
            segments.append(Segment(number: UInt64(number), bytes: bytes))
        }
        guard !segments.isEmpty else { throw json["segments"].invalid("no segment is listed") }
    }
}

extension MemoryError {
    init(_ error: FileError) {
        let code: Code =
            switch error.code {
            case .notFound, .danglingLink: .notFound
            case .notAFolder, .notRegular, .unsafePath: .invalid
            case .limitExceeded, .notText, .changed: .malformed
            case .tooManyDescriptors, .unreadable, .unwritable: .unavailable
            }
        self.init(code, error.message, place: error.path)
    }
}
