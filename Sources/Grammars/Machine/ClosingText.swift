/// A short text that leads from a state of the machine to the end of the grammar: what an answer takes that has few tokens left.
///
/// It follows one path through the grammar as `StackClosure` follows all: at each choice the part with the shortest text, no optional
/// member, no element beyond the least. What it finds is walked by the machine before it is used.
struct ClosingText {
    private enum Place {
        /// The top of the stack reads bytes.
        case read(Int32)
        case enter(GrammarNode, on: Int32)
        /// What lay on this stack is complete.
        case resume(Int32)
    }

    private let machine: Machine
    private let lengths: ShortestLengths
    private var text: [UInt8] = []

    private static let mostSteps = 20_000

    init(_ machine: Machine, _ lengths: ShortestLengths) { (self.machine, self.lengths) = (machine, lengths) }

    /// The shortest over the stacks of a state; nil: none has at most `ShortestLengths.longest` bytes.
    static func find(_ machine: Machine, _ state: Int32, _ lengths: ShortestLengths) -> [UInt8]? {
        if machine.isAccepting(state) { return [] }
        var shortest: [UInt8]?
        for stack in Array(machine.stacks(of: state)) {
            var closing = ClosingText(machine, lengths)
            guard let text = closing.run(stack, shorterThan: shortest?.count ?? ShortestLengths.longest) else { continue }
            if let end = machine.walk(text, from: state), machine.isAccepting(end) { shortest = text }
        }
        return shortest
    }

    private mutating func run(_ stack: Int32, shorterThan most: Int) -> [UInt8]? {
        var place = Place.read(stack)
        for _ in 0..<Self.mostSteps {
            guard text.count < most else { return nil }
            let next: Place?
            switch place {
            case .read(let stack): next = read(stack)
            case .enter(let node, let stack): next = enter(node, stack)
            case .resume(0): return text
            case .resume(let stack): next = resume(stack)
            }
            guard let next else { return nil }
            place = next
        }
        return nil
    }

    private mutating func append(_ bytes: some Sequence<UInt8>, then place: Place) -> Place {
        text += bytes
        return place
    }

    // MARK: The top of a stack

    private mutating func read(_ stack: Int32) -> Place? {
        let frame = machine.frames[Int(stack)]
        let below = machine.below[Int(stack)]
        switch (frame.tag, machine.grammar.bodies[Int(frame.node)]) {
        case (.literal, .literal(let bytes)): return append(bytes[Int(frame.a)...], then: .resume(below))
        case (.automaton, .automaton(let automaton, let bounds)):
            return automaton.shortestPath(bounds, from: frame.a, count: StringCount(frame.b)).map { append($0, then: .resume(below)) }
        case (.text, _): return .resume(below)
        case (.name, .object(let object)): return member(of: object, frame, below)
        default: return nil
        }
    }

    // MARK: Into a node

    private mutating func enter(_ node: GrammarNode, _ stack: Int32) -> Place? {
        switch machine.grammar.bodies[node.place] {
        case .undefined: return nil
        case .literal(let bytes): return append(bytes, then: .resume(stack))
        case .automaton(let automaton, let bounds): return automaton.shortestPath(bounds).map { append($0, then: .resume(stack)) }
        case .text: return .resume(stack)
        case .sequence(let parts): return goOn(node, parts, at: 0, stack)
        case .alternative(let parts): return parts.min { lengths[$0] < lengths[$1] }.map { .enter($0, on: stack) }
        case .repetition(let part, let least, _):
            if least == 0 { return .resume(stack) }
            return .enter(part, on: machine.push(Frame(tag: .repetition, node: node.index, a: 0, b: 0), on: stack))
        case .list:
            return .enter(machine.grammar.openList, on: machine.push(.list(node.index, count: 0, .opened), on: stack))
        case .object:
            return .enter(machine.grammar.openObject, on: machine.push(.object(node.index, progress: 0, .opened, members: 0), on: stack))
        }
    }

    private func goOn(_ node: GrammarNode, _ parts: [GrammarNode], at index: Int, _ stack: Int32) -> Place {
        if index == parts.count { return .resume(stack) }
        if index == parts.count - 1 { return .enter(parts[index], on: stack) }
        return .enter(parts[index], on: machine.push(Frame(tag: .sequence, node: node.index, a: Int32(index + 1), b: 0), on: stack))
    }

    // MARK: After a node

    private mutating func resume(_ stack: Int32) -> Place? {
        let frame = machine.frames[Int(stack)]
        let below = machine.below[Int(stack)]
        let node = GrammarNode(Int(frame.node))
        switch (frame.tag, machine.grammar.bodies[Int(frame.node)]) {
        case (.sequence, .sequence(let parts)): return goOn(node, parts, at: Int(frame.a), below)
        case (.repetition, .repetition(let part, let least, _)):
            let count = Int(frame.a) + 1
            if count >= least { return .resume(below) }
            return .enter(part, on: machine.push(Frame(tag: .repetition, node: frame.node, a: Int32(count), b: 0), on: below))
        case (.list, .list(let list)): return resume(list, frame, below)
        case (.object, .object(let object)): return resume(object, frame, below)
        case (.afterTrigger, _): return .resume(below)
        default: return nil
        }
    }

    private func resume(_ list: ListNode, _ frame: Frame, _ below: Int32) -> Place? {
        let count = frame.phase == .inValue ? min(Int(frame.a) + 1, list.saturation) : Int(frame.a)
        if frame.phase == .needsMember {
            return list.element(count).map { .enter($0, on: machine.push(.list(frame.node, count: frame.a, .inValue), on: below)) }
        }
        if count >= list.least { return .enter(list.punctuation.closeList, on: below) }
        let between = frame.phase == .opened ? list.punctuation.space : list.punctuation.comma
        return .enter(between, on: machine.push(.list(frame.node, count: Int32(count), .needsMember), on: below))
    }

    private mutating func resume(_ object: ObjectNode, _ frame: Frame, _ below: Int32) -> Place? {
        if frame.phase == .needsMember {
            let name = machine.push(.object(frame.node, progress: frame.a, .inName, members: frame.memberCount), on: below)
            return member(of: object, Frame(tag: .name, node: frame.node, a: 0, b: object.extraNames == nil ? -1 : 0), name)
        }
        if ObjectPlace(object, frame, machine, below).mayEnd { return .enter(object.punctuation.closeObject, on: below) }
        let between = frame.phase == .opened ? object.punctuation.space : object.punctuation.comma
        return .enter(
            between, on: machine.push(.object(frame.node, progress: frame.a, .needsMember, members: frame.memberCount), on: below))
    }

    // MARK: Members

    /// The rest of a member's name, then its value: of a required member where one can come, otherwise the shortest.
    ///
    /// - Parameter base: the object's frame and what lies below it.
    private mutating func member(of object: ObjectNode, _ name: Frame, _ base: Int32) -> Place? {
        let below = machine.below[Int(base)]
        let frame = machine.frames[Int(base)]
        let place = ObjectPlace(object, frame, machine, below)
        let declared = name.a < 0 ? [] : object.names.through[Int(name.a)].map(Int.init).filter(place.allows)
        func cost(_ member: Int) -> (Int, Int) {
            let member = object.members[member]
            return (member.isRequired ? 0 : 1, member.name.utf8.count + lengths[member.value])
        }
        let best = declared.min { cost($0) < cost($1) }
        if let best, object.members[best].isRequired || !place.allowsExtra || name.b < 0 {
            return enter(object, frame, below, place.progress(after: best), place, object.names.rest(of: best, behind: name.a), object.members[best].value)
        }
        guard place.allowsExtra, name.b >= 0, let names = object.extraNames else { return nil }
        let path = names.shortestPath(from: name.b) { label in object.extraValues[label].map { lengths[$0] < ShortestLengths.longest } ?? false }
        guard let path, let end = names.state(name.b, after: path), let value = object.extraValues[names.labels[Int(end)]] else { return nil }
        return enter(object, frame, below, place.progressAfterExtra, place, path, value)
    }

    private mutating func enter(
        _ object: ObjectNode, _ frame: Frame, _ below: Int32, _ progress: Int32, _ place: ObjectPlace, _ name: [UInt8], _ value: GrammarNode
    ) -> Place {
        let next = machine.push(.object(frame.node, progress: progress, .inValue, members: place.count(after: 1)), on: below)
        return append(name, then: .enter(value, on: next))
    }
}

extension NameTrie {
    /// The bytes of a member's quoted name behind a node that it leads through.
    func rest(of member: Int, behind node: Int32) -> [UInt8] {
        var rest: [UInt8] = []
        var place = node
        while self.member[Int(place)] != Int32(member),
            let step = children[Int(place)].first(where: { through[Int($0.value)].contains(Int32(member)) })
        {
            rest.append(step.key)
            place = step.value
        }
        return rest
    }
}

extension ByteAutomaton {
    func state(_ state: Int32, after bytes: [UInt8]) -> Int32? {
        var state = state
        for byte in bytes where state >= 0 { state = next(state, byte) }
        return state >= 0 ? state : nil
    }
}
