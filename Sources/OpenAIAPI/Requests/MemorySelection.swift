import JSON

/// `memory`: which memories are asked for one request.
///
/// A name or a list of names; false asks none, and true or nothing those of the server's settings. An object has these as `names`, and
/// `explain`.
struct MemorySelection: Sendable, Equatable {
    var names: [String]
    /// The answer says what would have come without the memory.
    var isExplained = false

    private static let mostNames = 8

    init(_ cursor: JSONCursor, names: ModelNames, fields: FieldPolicy) throws {
        guard case .object = cursor.value else {
            self.names = try Self.names(cursor, names)
            return
        }
        try fields.check(cursor, ["names", "explain"])
        self.names = try Self.names(cursor["names"], names)
        isExplained = try cursor["explain"].optionalBool() ?? false
    }

    private static func names(_ cursor: JSONCursor, _ names: ModelNames) throws -> [String] {
        if !cursor.exists || cursor.value == true { return names.defaultMemories.filter(names.isServable) }
        if cursor.value == false { return [] }
        let entries: [JSONCursor] = if case .array = cursor.value { try cursor.array() } else { [cursor] }
        guard entries.count <= mostNames else { throw cursor.invalid("at most \(mostNames) memories are asked") }
        var found: [String] = []
        for entry in entries {
            guard case .adapter(let name)? = try ModelSelection.named(entry, names) else { throw entry.invalid("expected a memory's name") }
            if !found.contains(name) { found.append(name) }
        }
        return found
    }
}
