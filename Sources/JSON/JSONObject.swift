/// The members of a JSON object, in the order of the document; the last of two equal keys wins.
public struct JSONObject: Sendable, Equatable, RandomAccessCollection {
    public typealias Element = (key: String, value: JSONValue)

    private var members: [Element] = []
    private var index: [String: Int] = [:]

    public init() {}

    public init(_ members: [(String, JSONValue)]) {
        for (key, value) in members { self[key] = value }
    }

    public var startIndex: Int { members.startIndex }
    public var endIndex: Int { members.endIndex }
    public subscript(position: Int) -> Element { members[position] }

    /// The member's value; setting nil removes it (`O(members)`), setting a new key appends it.
    public subscript(key: String) -> JSONValue? {
        get { index[key].map { members[$0].value } }
        set {
            switch (index[key], newValue) {
            case (let position?, let value?):
                members[position].value = value
            case (nil, let value?):
                index[key] = members.count
                members.append((key, value))
            case (let position?, nil):
                members.remove(at: position)
                index = Dictionary(uniqueKeysWithValues: members.enumerated().map { ($1.key, $0) })
            case (nil, nil):
                break
            }
        }
    }

    public var keys: [String] { members.map(\.key) }

    /// Equal when the members are equal, whatever their order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.members.allSatisfy { right[$0.key] == $0.value }
    }
}
