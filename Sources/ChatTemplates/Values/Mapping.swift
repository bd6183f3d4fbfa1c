import JSON

/// A dictionary: entries in the order of insertion, found by Python's equality of keys (`1`, `1.0` and `True` are one key).
final class Mapping {
    let entries: [(key: Value, value: Value)]
    let depth: Int
    /// What is printed instead of Python's `repr`: of the arguments of a tool call, which the OpenAI API has as JSON text.
    private let document: JSONValue?
    private(set) lazy var text = document?.serialized()
    /// Nil while a scan is as fast.
    private let places: [Key: Int]?

    private static let scannedEntries = 8

    init(uniqueEntries entries: [(key: Value, value: Value)], printedAs document: JSONValue? = nil) {
        self.entries = entries
        self.document = document
        depth = entries.reduce(0) { max($0, $1.value.depth, $1.key.depth) } + 1
        guard entries.count > Mapping.scannedEntries else {
            places = nil
            return
        }
        var places: [Key: Int] = [:]
        for (place, entry) in entries.enumerated() {
            if let key = Key(entry.key) { places[key] = place }
        }
        self.places = places
    }

    /// Later entries win, at the place of the first. Throws `type` for a key that has no hash.
    convenience init(_ entries: [(key: Value, value: Value)], _ meter: Meter) throws(TemplateError) {
        var unique: [(key: Value, value: Value)] = []
        var places: [Key: Int] = [:]
        for entry in entries {
            let key = try Mapping.key(entry.key, meter)
            if let place = places[key] {
                unique[place].value = entry.value
            } else {
                places[key] = unique.count
                unique.append(entry)
            }
        }
        self.init(uniqueEntries: unique)
    }

    subscript(name: String) -> Value? {
        guard let places else {
            return entries.first { entry in
                if case .string(let key) = entry.key { sameText(key, name) } else { false }
            }?.value
        }
        return places[.text(ByteText(name))].map { entries[$0].value }
    }

    /// Throws `type` for a key that has no hash.
    func value(for key: Value, _ meter: Meter) throws(TemplateError) -> Value? {
        let wanted = try Mapping.key(key, meter)
        if case .string(let name) = key { return self[name] }
        if let places { return places[wanted].map { entries[$0].value } }
        return entries.first { Key($0.key) == wanted }?.value
    }

    static func key(_ value: Value, _ meter: Meter) throws(TemplateError) -> Key {
        try meter.hash(value)
        guard let key = Key(value) else { throw TemplateError(.type, "unhashable type: '\(value.typeName)'") }
        return key
    }
}

/// The part of a value that Python hashes.
enum Key: Hashable {
    case none
    case undefined
    case integer(Int)
    case number(UInt64)
    case text(ByteText)
    case tuple([Key])
    case object(ObjectIdentifier)

    /// Nil for lists and dictionaries, which have no hash.
    init?(_ value: Value) {
        switch value {
        case .undefined: self = .undefined
        case .none: self = .none
        case .bool(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .longInteger(let digits): self = .number((Double(digits) ?? 0).bitPattern)
        case .number(let value):
            if let integer = Int(exactly: value) { self = .integer(integer) } else { self = .number(value.bitPattern) }
        case .string(let text): self = .text(ByteText(text))
        case .tuple(let elements), .range(let elements, _):
            var keys: [Key] = []
            for element in elements.values {
                guard let key = Key(element) else { return nil }
                keys.append(key)
            }
            self = .tuple(keys)
        case .namespace(let namespace): self = .object(ObjectIdentifier(namespace))
        case .loop(let loop): self = .object(ObjectIdentifier(loop))
        case .iterator(let iterator): self = .object(ObjectIdentifier(iterator))
        case .callable(.macro(let macro)): self = .object(ObjectIdentifier(macro))
        case .list, .view, .dictionary, .callable: return nil
        }
    }
}

/// A string that is equal only to the same bytes; `String` itself also equates canonically equivalent spellings.
struct ByteText: Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ByteText, right: ByteText) -> Bool { sameText(left.text, right.text) }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

func sameText(_ left: String, _ right: String) -> Bool {
    left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
}
