/// The members of a JSON object, in the order of the document; the last of two equal keys wins, at the place of the first.
///
/// Keys are compared byte by byte, as JSON does, and not by Unicode equivalence as `String` does: a vocabulary may hold
/// both spellings of a letter. Lookup is `O(1)`.
public struct JSONObject: Sendable, Equatable, RandomAccessCollection {
    public typealias Element = (key: String, value: JSONValue)

    private var members: [Element] = []
    /// Open addressing over `members`, a power of two in size and at most half full; -1 is free.
    /// Empty while there are few members: a scan is faster then.
    private var slots: [Int32] = []

    private static let scannedMembers = 8

    public init() {}

    public init(_ members: some Sequence<(String, JSONValue)>) {
        for (key, value) in members { self[key] = value }
    }

    /// The keys of the members must differ.
    init(uniqueMembers: [Element]) {
        members = uniqueMembers
        if members.count > Self.scannedMembers { rebuildSlots() }
    }

    public var startIndex: Int { 0 }
    public var endIndex: Int { members.count }
    public subscript(position: Int) -> Element { members[position] }

    /// The member's value; setting nil removes it (`O(members)`), setting a new key appends it.
    public subscript(key: String) -> JSONValue? {
        get { position(of: key).map { members[$0].value } }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?):
                members[position].value = value
            case (nil, let value?):
                append(key, value)
            case (let position?, nil):
                members.remove(at: position)
                if !slots.isEmpty { rebuildSlots() }
            case (nil, nil):
                break
            }
        }
    }

    public var keys: [String] { members.map(\.key) }

    /// Equal when the members are equal, in any order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.key] == $0.value }
    }

    private mutating func append(_ key: String, _ value: JSONValue) {
        members.append((key, value))
        guard members.count > Self.scannedMembers else { return }
        if members.count * 2 > slots.count {
            rebuildSlots()
        } else {
            occupy(members.count - 1)
        }
    }

    private func position(of key: String) -> Int? {
        guard !slots.isEmpty else { return members.firstIndex { sameBytes($0.key, key) } }
        let mask = slots.count - 1
        var slot = byteHash(key) & mask
        while slots[slot] >= 0 {
            let position = Int(slots[slot])
            if sameBytes(members[position].key, key) { return position }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private mutating func rebuildSlots() {
        var size = 32
        while size < members.count * 4 { size *= 2 }
        slots = [Int32](repeating: -1, count: size)
        for position in members.indices { occupy(position) }
    }

    private mutating func occupy(_ position: Int) {
        let mask = slots.count - 1
        var slot = byteHash(members[position].key) & mask
        while slots[slot] >= 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(position)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
