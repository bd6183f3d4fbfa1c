/// What must be known of a grammar before it runs: which nodes match anything, how deep their stacks must be, which may be empty.
struct GrammarAnalysis {
    static let impossible = Int32.max / 4

    /// Of each node: the least number of frames with which it can be completed; `impossible` where it matches nothing.
    private(set) var depths: [Int32]
    private var isEmptyable: [Bool]
    private let bodies: [NodeBody]

    init(_ bodies: [NodeBody], limits: GrammarLimits) throws(GrammarError) {
        self.bodies = bodies
        depths = [Int32](repeating: Self.impossible, count: bodies.count)
        isEmptyable = [Bool](repeating: false, count: bodies.count)
        settle()
        try refuseEmptyRepetitions()
        try refuseLeftRecursion()
    }

    func isPossible(_ node: GrammarNode) -> Bool { depths[node.place] < Self.impossible }

    /// Recomputes the users of what changed until nothing does. Values only fall, and rise to true.
    private mutating func settle() {
        var users = [[Int32]](repeating: [], count: bodies.count)
        for (index, body) in bodies.enumerated() {
            for part in Self.parts(body) { users[part.place].append(Int32(index)) }
        }
        var pending = Array(bodies.indices.reversed())
        var isPending = [Bool](repeating: true, count: bodies.count)
        while let index = pending.popLast() {
            isPending[index] = false
            let (depth, empty) = value(bodies[index])
            guard depth < depths[index] || (empty && !isEmptyable[index]) else { continue }
            depths[index] = min(depth, depths[index])
            isEmptyable[index] = isEmptyable[index] || empty
            for user in users[index] where !isPending[Int(user)] {
                isPending[Int(user)] = true
                pending.append(Int(user))
            }
        }
    }

    private func depth(_ node: GrammarNode) -> Int32 { depths[node.place] }

    private func value(_ body: NodeBody) -> (depth: Int32, isEmptyable: Bool) {
        switch body {
        case .undefined: return (Self.impossible, false)
        case .literal: return (1, false)
        case .automaton(let automaton, let bounds): return (1, automaton.isMatch(0) && (bounds?.least ?? 0) == 0)
        case .text: return (1, true)
        case .sequence(let parts):
            // The last part needs no frame of the sequence.
            var deepest: Int32 = 0
            for (index, part) in parts.enumerated() {
                deepest = max(deepest, min(depth(part) + (index < parts.count - 1 ? 1 : 0), Self.impossible))
            }
            return (deepest, parts.allSatisfy { isEmptyable[$0.place] })
        case .alternative(let parts):
            return (parts.map(depth).min() ?? Self.impossible, parts.contains { isEmptyable[$0.place] })
        case .repetition(let part, let least, _):
            return (least == 0 ? 0 : min(depth(part) + 1, Self.impossible), least == 0 || isEmptyable[part.place])
        case .list(let list):
            var deepest: Int32 = 3
            for index in 0..<min(list.least, list.prefix.count + 1) {
                guard let element = list.element(index) else { return (Self.impossible, false) }
                deepest = max(deepest, min(depth(element) + 1, Self.impossible))
            }
            return (deepest, false)
        case .object(let object):
            var deepest: Int32 = 3
            for member in object.members where member.isRequired {
                deepest = max(deepest, min(depth(member.value) + 1, Self.impossible))
            }
            let possible = object.members.count { depth($0.value) < Self.impossible }
            let hasExtras = object.extraValues.values.contains { depth($0) < Self.impossible }
            if !hasExtras, possible < object.least { return (Self.impossible, false) }
            if let most = object.most, object.requiredFrom[0] > most || object.least > most { return (Self.impossible, false) }
            if object.requiredFrom[0] < object.least {
                let others = object.members.filter { !$0.isRequired }.map { depth($0.value) } + object.extraValues.values.map(depth)
                for other in others.sorted().prefix(1) { deepest = max(deepest, min(other + 1, Self.impossible)) }
            }
            return (deepest, false)
        }
    }

    private static func parts(_ body: NodeBody) -> [GrammarNode] {
        switch body {
        case .undefined, .literal, .automaton: []
        case .text(let text): text.parts
        case .sequence(let parts), .alternative(let parts): parts
        case .repetition(let part, _, _): [part]
        case .list(let list): list.prefix + (list.rest.map { [$0] } ?? [])
        case .object(let object): object.members.map(\.value) + Array(object.extraValues.values)
        }
    }

    /// A repetition of what may be empty counts nothing.
    private func refuseEmptyRepetitions() throws(GrammarError) {
        for body in bodies {
            guard case .repetition(let part, let least, let most) = body, isEmptyable[part.place] else { continue }
            guard least <= 1, most == nil || most == 1 else {
                throw GrammarError(.unsupported, "a part that may be empty is repeated a bounded number of times; leave the bounds out")
            }
        }
    }

    /// Nodes that may be entered before a byte is read.
    private func first(_ body: NodeBody) -> [GrammarNode] {
        switch body {
        case .undefined, .literal, .automaton, .text, .list, .object: return []
        case .sequence(let parts):
            let read = parts.firstIndex { !isEmptyable[$0.place] } ?? parts.count - 1
            return Array(parts.prefix(read + 1))
        case .alternative(let parts): return parts
        case .repetition(let part, _, _): return [part]
        }
    }

    /// Depth first, with a stack of its own.
    private func refuseLeftRecursion() throws(GrammarError) {
        var state = [UInt8](repeating: 0, count: bodies.count)
        for root in bodies.indices where state[root] == 0 {
            var path: [(node: Int, next: [GrammarNode])] = [(root, first(bodies[root]))]
            state[root] = 1
            while let last = path.last {
                guard let next = last.next.last else {
                    state[last.node] = 2
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next.removeLast()
                if state[next.place] == 1 {
                    throw GrammarError(.invalid, "a rule or a reference leads to itself before any text is read")
                }
                if state[next.place] == 0 {
                    state[next.place] = 1
                    path.append((next.place, first(bodies[next.place])))
                }
            }
        }
    }
}
