/// A part of a grammar, made and used by one `GrammarBuilder`.
public struct GrammarNode: Sendable, Hashable {
    let index: Int32

    init(_ index: Int) { self.index = Int32(index) }

    var place: Int { Int(index) }
}

/// What a node matches.
enum NodeBody: Sendable {
    /// Declared, and defined later.
    case undefined
    /// These bytes; at least one.
    case literal([UInt8])
    /// What an automaton matches. Bounds count the characters of a JSON string.
    case automaton(ByteAutomaton, LengthBounds?)
    /// Free text, in which triggers begin other parts.
    case text(TextNode)
    /// In this order; none is the empty text.
    case sequence([GrammarNode])
    /// One of them; none matches nothing.
    case alternative([GrammarNode])
    case repetition(GrammarNode, least: Int, most: Int?)
    case list(ListNode)
    case object(ObjectNode)
}

/// How many characters a JSON string may have.
struct LengthBounds: Sendable, Equatable {
    var least: Int
    var most: Int?
}

/// Free text up to a trigger, then what belongs to the trigger, then free text again unless the trigger is the last.
struct TextNode: Sendable {
    /// Its labels are the triggers' indices plus one.
    var automaton: ByteAutomaton
    var parts: [GrammarNode]
    var goesOn: [Bool]
}

/// The JSON punctuation of one schema: it differs with the white space that is allowed.
struct Punctuation: Sendable {
    /// White space, possibly none.
    var space: GrammarNode
    /// `}` and `]` with the space before them.
    var closeObject: GrammarNode
    var closeList: GrammarNode
    /// `,` with the space behind it.
    var comma: GrammarNode
}

/// A JSON array.
struct ListNode: Sendable {
    /// The first elements, each of its own kind.
    var prefix: [GrammarNode]
    /// All others; nil: there are none.
    var rest: GrammarNode?
    var least: Int
    var most: Int?
    var punctuation: Punctuation

    /// The node of the element at an index; nil: the array ends before it.
    func element(_ index: Int) -> GrammarNode? {
        if let most, index >= most { return nil }
        return index < prefix.count ? prefix[index] : rest
    }

    /// Counts beyond this are the same as this.
    var saturation: Int { most ?? max(least, prefix.count) }
}

/// A JSON object. Declared members come in their order; others come after them.
final class ObjectNode: Sendable {
    struct Member: Sendable {
        var name: String
        /// The colon, and the value.
        var value: GrammarNode
        var isRequired: Bool
    }

    let members: [Member]
    /// Of the members' names, quoted.
    let names: NameTrie
    /// The names of other members, quoted, and the value for each label. nil: there are none.
    let extraNames: ByteAutomaton?
    let extraValues: [UInt64: GrammarNode]
    let least: Int
    let most: Int?
    let order: MemberOrder
    let punctuation: Punctuation
    /// Required members at or after each index.
    let requiredFrom: [Int]
    /// The first required member at or after each index; the count of members where there is none.
    let nextRequired: [Int]

    init(
        members: [Member], extraNames: ByteAutomaton?, extraValues: [UInt64: GrammarNode], least: Int, most: Int?, order: MemberOrder,
        punctuation: Punctuation
    ) {
        self.members = members
        names = NameTrie(members.map { JSONText.quoted($0.name) })
        self.extraNames = extraNames
        self.extraValues = extraValues
        self.least = least
        self.most = most
        self.order = order
        self.punctuation = punctuation
        var required = [0]
        var next = [members.count]
        for index in members.indices.reversed() {
            required.append(required[required.count - 1] + (members[index].isRequired ? 1 : 0))
            next.append(members[index].isRequired ? index : next[next.count - 1])
        }
        requiredFrom = required.reversed()
        nextRequired = next.reversed()
    }
}

/// In which order the members of an object may come.
public enum MemberOrder: Sendable, Equatable {
    /// As the schema declares them; a model that writes is not asked to remember what it has written.
    case declared
    /// In any.
    case any
}

/// The names of an object's members, byte by byte.
struct NameTrie: Sendable {
    private(set) var children: [[UInt8: Int32]] = [[:]]
    /// The member whose name ends at a node; -1: none does.
    private(set) var member: [Int32] = [-1]
    /// The members whose names go through a node, rising.
    private(set) var through: [[Int32]] = [[]]

    init(_ names: [[UInt8]]) {
        for (index, name) in names.enumerated() {
            var node = 0
            through[0].append(Int32(index))
            for byte in name {
                if let next = children[node][byte] {
                    node = Int(next)
                } else {
                    children[node][byte] = Int32(children.count)
                    node = children.count
                    children.append([:])
                    member.append(-1)
                    through.append([])
                }
                through[node].append(Int32(index))
            }
            member[node] = Int32(index)
        }
    }
}
