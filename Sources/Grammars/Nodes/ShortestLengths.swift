/// The length of the shortest text of each node, in bytes: what a text that must end soon chooses by.
///
/// Lengths of objects and lists leave white space out and take optional members as they come, so they guide a choice and are no promise.
/// Knuth's generalisation of Dijkstra's algorithm: nodes are settled in the order of their lengths, each once, `O(parts + longest)`.
struct ShortestLengths {
    /// Texts of this length or more are not told apart.
    static let longest = 2_048

    private(set) var lengths: [Int32]
    private let bodies: [NodeBody]
    /// Nodes by a length that they have at most.
    private var pending = [[Int32]](repeating: [], count: ShortestLengths.longest)

    init(_ grammar: Grammar) {
        bodies = grammar.bodies
        lengths = [Int32](repeating: Int32(Self.longest), count: bodies.count)
        var paths: [AutomatonStart: Int] = [:]
        var users = [[Int32]](repeating: [], count: bodies.count)
        // Parts without which the node has no text and that are not settled.
        var missing = [Int](repeating: 0, count: bodies.count)
        for (index, body) in bodies.enumerated() {
            let needed = Self.needed(body)
            missing[index] = needed.count
            for part in needed { users[part.place].append(Int32(index)) }
            if case .alternative(let parts) = body {
                for part in parts { users[part.place].append(Int32(index)) }
                continue
            }
            if case .automaton(let automaton, let bounds) = body {
                let key = AutomatonStart(automaton: ObjectIdentifier(automaton), least: bounds?.least, most: bounds?.most)
                let length = paths[key] ?? automaton.shortestPath(bounds)?.count ?? Self.longest
                paths[key] = length
                offer(index, length)
            } else if needed.isEmpty {
                offer(index, length(body))
            }
        }
        for length in 0..<Self.longest {
            // A settled node may give others the same length.
            while let index = pending[length].popLast() {
                guard Int(lengths[Int(index)]) == Self.longest else { continue }
                lengths[Int(index)] = Int32(length)
                for user in users[Int(index)] {
                    if case .alternative = bodies[Int(user)] {
                        offer(Int(user), length)
                    } else {
                        missing[Int(user)] -= 1
                        if missing[Int(user)] == 0 { offer(Int(user), max(self.length(bodies[Int(user)]), length)) }
                    }
                }
            }
        }
        pending = []
    }

    subscript(_ node: GrammarNode) -> Int { Int(lengths[node.place]) }

    /// One search for all nodes of one automaton.
    private struct AutomatonStart: Hashable {
        var automaton: ObjectIdentifier
        var least: Int?
        var most: Int?
    }

    private mutating func offer(_ index: Int, _ length: Int) {
        if length < Self.longest { pending[length].append(Int32(index)) }
    }

    private static func needed(_ body: NodeBody) -> [GrammarNode] {
        switch body {
        case .undefined, .literal, .automaton, .text, .alternative: []
        case .sequence(let parts): parts
        case .repetition(let part, let least, _): least == 0 ? [] : [part]
        case .list(let list): (0..<min(list.least, list.prefix.count + 1)).compactMap(list.element)
        case .object(let object): object.members.filter(\.isRequired).map(\.value)
        }
    }

    /// Where all needed parts are settled.
    private func length(_ body: NodeBody) -> Int {
        switch body {
        case .undefined, .automaton, .alternative: return Self.longest
        case .literal(let bytes): return bytes.count
        case .text: return 0
        case .sequence(let parts): return parts.reduce(0) { min($0 + self[$1], Self.longest) }
        case .repetition(let part, let least, _): return times(least, self[part])
        case .list(let list):
            guard list.least > 0 else { return 2 }
            let first = (0..<min(list.least, list.prefix.count)).compactMap(list.element).reduce(0) { min($0 + self[$1] + 1, Self.longest) }
            let others = list.rest.map { times(max(list.least - list.prefix.count, 0), self[$0] + 1) } ?? 0
            return min(first + others + 1, Self.longest)
        case .object(let object):
            let required = object.members.filter(\.isRequired)
            let length = required.reduce(2) { min($0 + $1.name.utf8.count + 3 + self[$1.value], Self.longest) }
            // Optional members, about as long as `,"a":0`.
            return min(length + times(max(object.least - required.count, 0), 6), Self.longest)
        }
    }

    private func times(_ count: Int, _ length: Int) -> Int { min(min(count, Self.longest) * length, Self.longest) }
}
